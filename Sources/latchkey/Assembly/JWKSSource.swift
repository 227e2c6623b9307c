import AsyncHTTPClient
import LatchkeyCore
import LatchkeyServer
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Where a JWK set comes from: a file, or an https URL.
enum JWKSSource {
    static let largest = 1 << 20

    static func isURL(_ source: String) -> Bool { source.hasPrefix("https://") || source.hasPrefix("http://") }

    /// - Throws: `configuration`.
    static func read(_ source: String) async throws -> [UInt8] {
        guard isURL(source) else {
            guard let data = FileManager.default.contents(atPath: source), data.count <= largest else {
                throw LatchkeyError(.configuration, "\(Setting.jwks.name) names \(source), which cannot be read")
            }
            return Array(data)
        }
        guard source.hasPrefix("https://") else {
            throw LatchkeyError(
                .configuration, "\(Setting.jwks.name) is a plain http address",
                hint: "keys that decide who is who are read over https only")
        }
        let client = HTTPProbeTransport.makeClient()
        let result: Result<[UInt8], any Error>
        do {
            let response = try await client.execute(HTTPClientRequest(url: source), deadline: .now() + .seconds(10))
            guard response.status == .ok else {
                throw LatchkeyError(.configuration, "the JWK set's address answered \(response.status.code)")
            }
            result = .success(Array(try await response.body.collect(upTo: largest).readableBytesView))
        } catch let error as LatchkeyError {
            result = .failure(error)
        } catch {
            result = .failure(LatchkeyError(.configuration, "the JWK set cannot be read from its address"))
        }
        try await client.shutdown()
        return try result.get()
    }
}

/// Reads a JWK set again every ten minutes. One that cannot be read leaves the last good one in place.
struct JWKSRefresh: Service {
    let source: String
    let algorithm: String
    let keys: TokenKeys
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(600))
                if Task.isCancelled { return }
                do {
                    try await keys.replace(algorithm: algorithm, json: try await JWKSSource.read(source))
                } catch {
                    logger.warning("the JWK set was not renewed", metadata: ["error": "\(error)"])
                }
            }
        }
    }
}
