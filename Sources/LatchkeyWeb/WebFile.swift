/// The files there are, once: what is not listed here is not served, embedded or from a folder.
///
/// Each is also a resource in Package.swift; `WebFileTests` compares both with the folder.
package struct WebFile: Sendable {
    package enum Kind: Sendable {
        case script, style, image, page

        var contentType: String {
            switch self {
            case .script: "text/javascript; charset=utf-8"
            case .style: "text/css; charset=utf-8"
            case .image: "image/svg+xml"
            case .page: "text/html; charset=utf-8"
            }
        }
    }

    package let name: String
    let kind: Kind
    /// Whether it may be used by pages of other origins.
    package let isImportable: Bool
    let embedded: [UInt8]

    private init(_ name: String, _ kind: Kind, importable isImportable: Bool = false, _ embedded: [UInt8]) {
        self.name = name
        self.kind = kind
        self.isImportable = isImportable
        self.embedded = embedded
    }

    package static let all: [WebFile] = [
        // For any page: they take nothing from the files below.
        WebFile("api-key-service.js", .script, importable: true, PackageResources.api_key_service_js),
        WebFile("latchkey-keys.js", .script, importable: true, PackageResources.latchkey_keys_js),
        WebFile("element-styles.js", .script, importable: true, PackageResources.element_styles_js),
        WebFile("element-view.js", .script, importable: true, PackageResources.element_view_js),
        WebFile("element-dialogs.js", .script, importable: true, PackageResources.element_dialogs_js),
        WebFile("element-form.js", .script, importable: true, PackageResources.element_form_js),
        WebFile("element-dom.js", .script, importable: true, PackageResources.element_dom_js),
        WebFile("api-key-types.js", .script, importable: true, PackageResources.api_key_types_js),
        WebFile("messages.js", .script, importable: true, PackageResources.messages_js),
        WebFile("messages-en.js", .script, importable: true, PackageResources.messages_en_js),
        WebFile("messages-de.js", .script, importable: true, PackageResources.messages_de_js),
        // Latchkey's own pages.
        WebFile("page.html", .page, PackageResources.page_html),
        WebFile("shell.js", .script, PackageResources.shell_js),
        WebFile("charts.js", .script, PackageResources.charts_js),
        WebFile("page-keys.js", .script, PackageResources.page_keys_js),
        WebFile("page-usage.js", .script, PackageResources.page_usage_js),
        WebFile("page-activity.js", .script, PackageResources.page_activity_js),
        WebFile("page-security.js", .script, PackageResources.page_security_js),
        WebFile("page-setup.js", .script, PackageResources.page_setup_js),
        WebFile("page-admin.js", .script, PackageResources.page_admin_js),
        WebFile("page-sign-in.js", .script, PackageResources.page_sign_in_js),
        WebFile("page-embed.js", .script, PackageResources.page_embed_js),
        WebFile("page-theme.js", .script, PackageResources.page_theme_js),
        WebFile("page-words.js", .script, PackageResources.page_words_js),
        WebFile("page-messages-en.js", .script, PackageResources.page_messages_en_js),
        WebFile("page-messages-de.js", .script, PackageResources.page_messages_de_js),
        WebFile("page-parts.js", .script, PackageResources.page_parts_js),
        WebFile("page-usage-views.js", .script, PackageResources.page_usage_views_js),
        WebFile("page-usage-charts.js", .script, PackageResources.page_usage_charts_js),
        WebFile("page-budgets.js", .script, PackageResources.page_budgets_js),
        WebFile("page-access-tokens.js", .script, PackageResources.page_access_tokens_js),
        WebFile("page-global-keys.js", .script, PackageResources.page_global_keys_js),
        WebFile("page-admin-overview.js", .script, PackageResources.page_admin_overview_js),
        WebFile("page-admin-people.js", .script, PackageResources.page_admin_people_js),
        WebFile("style.css", .style, PackageResources.style_css),
        WebFile("icon.svg", .image, PackageResources.icon_svg),
    ]
}
