import LatchkeyCore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The price list as configured.
enum Prices {
    private static let largestFile = 4 * 1024 * 1024

    /// - Throws: `configuration`, with the line that is wrong.
    static func table(_ settings: Settings, _ catalogue: ProviderCatalogue) throws -> PriceTable {
        var bytes: [UInt8]?
        if let path = settings[.pricesFile] {
            guard let content = try? Data(contentsOf: URL(fileURLWithPath: path)), content.count <= largestFile else {
                throw LatchkeyError(
                    .configuration,
                    "\(Setting.pricesFile.name) names \(path), which cannot be read or is larger than 4 MiB",
                    hint: "check the path and who may read it")
            }
            bytes = Array(content)
        }
        return try PriceTable.load(operatorFile: bytes, providers: catalogue.providers.map(\.id))
    }
}
