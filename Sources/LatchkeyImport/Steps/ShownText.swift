/// Makes a text out of somebody's file or table fit to be shown: one line, not endless, and no key.
///
/// Whoever swaps two columns has keys where user ids or provider names are expected; those must not reach a terminal
/// or a report on the way to the message that says so.
enum ShownText {
    private static let longest = 80

    /// How the keys of the larger providers begin.
    private static let keyBeginnings = [
        "sk-", "sk_", "pk-", "AIza", "AQ.", "gsk_", "xai-", "hf_", "api_org_", "r8_", "pplx-", "nvapi-", "csk-", "fw_",
        "tgp_v1_", "ABSK", "bedrock-api-key-", "pa-",
    ]

    static func make(_ text: String) -> String {
        if keyBeginnings.contains(where: { text.utf8.starts(with: $0.utf8) }) {
            return "(not shown: begins like a key)"
        }
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            guard shown.count < longest else {
                shown.append("\u{2026}")
                break
            }
            shown.append(isPlain(scalar) ? scalar : "\u{fffd}")
        }
        return String(shown)
    }

    /// Neither a control character nor one that turns the direction of the line.
    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned: false
        default: true
        }
    }
}
