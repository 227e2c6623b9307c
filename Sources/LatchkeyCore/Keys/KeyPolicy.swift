/// What the operator allows, and when keys are looked at again.
package struct KeyPolicy: Sendable {
    /// Hosts that a caller may name in `base_url`. Empty: none but the catalogue's own addresses.
    package var allowedBaseURLHosts: Set<String>
    /// False on a node whose configured primary root is not the database's: it reads, and refuses to write.
    package var isWritable: Bool
    /// Seconds after which a decided key is looked at again.
    package var recheckAfter: Int64
    /// A fraction in 0 ..< 1, for the jitter.
    package var random: @Sendable () -> Double

    package init(
        allowedBaseURLHosts: Set<String> = [], isWritable: Bool = true, recheckAfter: Int64 = 24 * 3600,
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
    ) {
        self.allowedBaseURLHosts = allowedBaseURLHosts
        self.isWritable = isWritable
        self.recheckAfter = recheckAfter
        self.random = random
    }

    package func checkWritable() throws(LatchkeyError) {
        guard isWritable else {
            throw LatchkeyError(
                .keysetDisagreement,
                "this node's first root is not the database's primary root; it reads but does not write",
                hint: "put the primary root first in API_KEY_ENCRYPTION_SECRET")
        }
    }

    /// The address a key belongs to: the catalogue's, or one the operator allows.
    ///
    /// - Throws: `base_url_not_allowed`, `invalid_field`.
    package func baseURL(
        _ given: String?, provider: Provider, fields: [String: String]
    ) throws(LatchkeyError) -> String {
        let own = try provider.baseURL(fields: fields)
        guard let given, given.trimmingTrailingSlash.utf8.elementsEqual(own.utf8) == false else { return own }
        guard given.utf8.count <= 512, let parts = ProviderAddress.parts(of: given), parts.isTLS,
            allows(parts.authority)
        else {
            throw LatchkeyError(
                .baseURLNotAllowed, "keys for \(provider.id.text) go to the catalogue's address only",
                hint: "the operator can allow a host in LATCHKEY_ALLOWED_BASE_URL_HOSTS")
        }
        return given.trimmingTrailingSlash
    }

    /// Whether the operator named this host. Without a port in the operator's entry it is 443 alone. A number is
    /// refused where it is no place on the public Internet, whether named or not.
    private func allows(_ authority: URLAuthority) -> Bool {
        if let address = authority.address, !AddressPolicy.isPublic(address) { return false }
        let port = authority.port ?? 443
        return allowedBaseURLHosts.contains("\(authority.host):\(port)")
            || port == 443 && allowedBaseURLHosts.contains(authority.host)
    }

    /// A day after a decision, a quarter of an hour after a postponed check; ten percent of jitter, so that a bulk
    /// import is not checked in one burst each day.
    ///
    /// - Parameter outcome: nil when there was no check: the first comes a day later.
    package func nextCheck(after outcome: ProbeOutcome?, at now: Timestamp) -> Timestamp? {
        if outcome?.code == "no_probe" { return nil }
        let base = Double(outcome?.isDecisive ?? true ? recheckAfter : 900)
        return now.advanced(bySeconds: Int64(base * (0.95 + random() * 0.1)))
    }
}
