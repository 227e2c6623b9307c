/// Latchkey's own pages, each with the module that runs it.
package enum WebPage: String, Sendable, CaseIterable {
    case keys, usage, activity, security, setup, admin
    case signIn = "sign-in"
    case embed

    /// What follows `/ui/` in its address.
    package var path: String { self == .keys ? "" : rawValue }

    package init?(path: String) {
        guard let page = Self.allCases.first(where: { $0.path == path }) else { return nil }
        self = page
    }

    var module: String { "page-\(rawValue).js" }

    /// Before the page's own script has put it into the reader's language.
    var title: String {
        switch self {
        case .keys: "My keys"
        case .usage: "Usage"
        case .activity: "Activity"
        case .security: "Security"
        case .setup: "Set-up"
        case .admin: "Administration"
        case .signIn: "Sign in"
        case .embed: "API keys"
        }
    }
}
