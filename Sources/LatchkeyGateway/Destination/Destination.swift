package import LatchkeyCore

/// Where a call's key may be sent: one server, and the path on it that nothing leaves.
package struct Destination: Sendable, Hashable {
    package var isTLS: Bool
    /// In lower case, without a port.
    package var host: String
    package var port: Int
    /// Without a slash at the end; empty for the whole server.
    package var basePath: String
    /// Not the catalogue's address but one that a user chose and the operator allows: only public addresses then.
    package var isCustom: Bool

    /// - Parameters:
    ///   - baseURL: from the opened payload, never from a column.
    ///   - fields: from the same payload.
    /// - Throws: `destination_refused` when the address is not the catalogue's, and the operator's list does not name its
    ///   host now, whatever it named when the key was set.
    package init(
        baseURL: String, provider: Provider, fields: [String: String], policy: KeyPolicy
    ) throws(LatchkeyError) {
        let own: String
        let allowed: String
        do {
            own = try provider.baseURL(fields: fields)
            allowed =
                baseURL.utf8.elementsEqual(own.utf8)
                ? own : try policy.baseURL(baseURL, provider: provider, fields: fields)
        } catch {
            throw Self.refused
        }
        guard let parts = ProviderAddress.parts(of: allowed) else { throw Self.refused }
        isTLS = parts.isTLS
        host = parts.authority.host
        port = parts.authority.port ?? (parts.isTLS ? 443 : 80)
        basePath = parts.path
        isCustom = !allowed.utf8.elementsEqual(own.utf8)
    }

    /// The same for every cause: a stored address is nobody's to read.
    package static var refused: LatchkeyError {
        LatchkeyError(
            .destinationRefused, "this key belongs to an address that calls may not go to",
            hint: "enter the key again for the catalogue's address, or have the operator allow the host")
    }

    /// The target to send: inside the base path always.
    ///
    /// Clients differ in whether the version is part of their base URL. So a beginning of `path` that repeats the end of
    /// the base path, in whole segments, is not doubled: `/openai/v1` and `/v1/models` give `/openai/v1/models`.
    ///
    /// - Parameter path: of a `GatewayTarget`.
    package func requestTarget(path: String, query: String?) -> String {
        var start = basePath.utf8.startIndex
        // The first hit is the longest repetition; at the end of the base path nothing repeats.
        while start < basePath.utf8.endIndex, !Self.begins(path, with: basePath.utf8[start...]) {
            let behind = basePath.utf8.index(after: start)
            start = basePath.utf8[behind...].firstIndex(of: UInt8(ascii: "/")) ?? basePath.utf8.endIndex
        }
        var target = String(Substring(basePath.utf8[..<start]))
        target += path
        if let query {
            target += "?"
            target += query
        }
        return target
    }

    private static func begins(_ path: String, with segments: Substring.UTF8View) -> Bool {
        guard path.utf8.starts(with: segments) else { return false }
        let next = path.utf8.dropFirst(segments.count).first
        return next == nil || next == UInt8(ascii: "/")
    }

    /// For `Host` and `:authority`: with the port only where it is not the scheme's own.
    package var authority: String { port == (isTLS ? 443 : 80) ? host : "\(host):\(port)" }

    /// What the host is when it is written as a number.
    package var literalAddress: NetworkAddress? { URLAuthority(host)?.address }

    /// The name for TLS: nil for a number, which has no place in a client hello (RFC 6066, section 3).
    package var serverName: String? { literalAddress == nil ? host : nil }
}
