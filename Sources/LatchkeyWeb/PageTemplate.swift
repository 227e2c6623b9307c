/// `page.html`, filled for a page with constants alone: nothing of a request, a user or a setting ever stands in it.
///
/// Fields are written `{{title}}`, `{{page}}` (as in the address, `keys` for the first), `{{module}}` (`page-usage.js`)
/// and `{{preloads}}` (link elements for what the module imports).
struct PageTemplate: Sendable {
    private let text: String

    init(_ bytes: [UInt8]) { text = String(decoding: bytes, as: UTF8.self) }

    func fill(_ page: WebPage, imports: [String]) -> String {
        let preloads = imports.map { #"<link rel="modulepreload" href="/ui/\#(Self.escape($0))">"# }
        return text.replacing("{{title}}", with: Self.escape(page.title))
            .replacing("{{page}}", with: Self.escape(page.rawValue))
            .replacing("{{module}}", with: Self.escape(page.module))
            .replacing("{{preloads}}", with: preloads.joined(separator: "\n"))
    }

    /// For text and for attributes in double quotes.
    static func escape(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
