import HTTPTypes

/// The cookie that a browser keeps while its user is at the provider.
///
/// `SameSite=Lax`, since the provider sends the browser back from a site of its own, and a stricter cookie would stay
/// behind. It is good for nothing but this: the session's own cookie is `Strict`.
struct AttemptCookie: Sendable {
    let origin: OwnOrigin

    var name: String { origin.isSecure ? "__Host-latchkey-oidc" : "latchkey-oidc" }

    /// nil with none, and with two: one of them was planted.
    func value(in fields: HTTPFields) -> [UInt8]? {
        let values = SessionCookies.values(of: name, in: fields)
        return values.count == 1 ? values[0] : nil
    }

    func set(_ value: [UInt8], in fields: inout HTTPFields) {
        append(String(decoding: value, as: UTF8.self), maxAge: SignInAttempt.lifetime, to: &fields)
    }

    func clear(in fields: inout HTTPFields) { append("", maxAge: 0, to: &fields) }

    private func append(_ value: String, maxAge: UInt64, to fields: inout HTTPFields) {
        let secure = origin.isSecure ? "; Secure" : ""
        fields.append(
            HTTPField(
                name: .setCookie,
                value: "\(name)=\(value); Path=/; Max-Age=\(maxAge); HttpOnly; SameSite=Lax\(secure)"))
    }
}
