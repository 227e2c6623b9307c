import Yams

extension ProviderCatalogue {
    /// The catalogue in the binary, with `operatorFile` (YAML or JSON) merged over it by id.
    ///
    /// - Parameter allowLoopback: lets the operator's entries use `http://127.0.0.1:PORT` addresses, for trying things
    ///   out and for tests. Everything else is https.
    /// - Throws: `catalogue`, with the entry and the member that is wrong.
    package static func load(operatorFile: String?, allowLoopback: Bool) throws(LatchkeyError) -> ProviderCatalogue {
        let ours = try CatalogueDocument(
            text: String(decoding: PackageResources.providers_yaml, as: UTF8.self), source: "the built-in catalogue")
        var entries = ours.entries
        if let operatorFile {
            for entry in try CatalogueDocument(text: operatorFile, source: "the providers file").entries {
                if let index = entries.firstIndex(where: { $0.id == entry.id }) {
                    entries[index].merge(entry)
                } else {
                    entries.append(entry)
                }
            }
        }
        var providers: [Provider] = []
        for entry in entries { providers.append(try entry.provider(allowLoopback: allowLoopback)) }
        return ProviderCatalogue(date: ours.date, providers: providers)
    }
}

/// A catalogue file as read: entries whose members are still loose.
private struct CatalogueDocument {
    var date = ""
    var entries: [CatalogueEntry] = []

    init(text: String, source: String) throws(LatchkeyError) {
        let loaded: Any?
        do { loaded = try Yams.load(yaml: text) } catch {
            throw LatchkeyError(.catalogue, "\(source) is neither YAML nor JSON")
        }
        guard let document = loaded as? [String: Any], let list = document["providers"] as? [Any] else {
            throw LatchkeyError(.catalogue, "\(source) has no list named \"providers\"")
        }
        // YAML reads a bare date as a date; its first ten characters are the day either way.
        date = document["catalogue_date"].map { String("\($0)".prefix(10)) } ?? ""
        for (index, item) in list.enumerated() {
            guard let members = item as? [String: Any], let text = members["id"] as? String, let id = ProviderID(text)
            else {
                throw LatchkeyError(.catalogue, "entry \(index + 1) of \(source) has no usable id ([a-z0-9-], 1 to 50)")
            }
            guard !entries.contains(where: { $0.id == id }) else {
                throw LatchkeyError(.catalogue, "\(source) has two entries for \(id.text)")
            }
            entries.append(CatalogueEntry(id: id, members: members))
        }
    }
}

/// One entry, before it is checked.
private struct CatalogueEntry {
    var id: ProviderID
    var members: [String: Any]

    mutating func merge(_ other: CatalogueEntry) {
        // A probe with an address of its own belongs to our base URL: with another one it would show the operator's keys
        // to the wrong host.
        if other.members["base_url"] != nil, other.members["probe"] == nil,
            (members["probe"] as? [String: Any])?["url"] != nil
        {
            members["probe"] = nil
        }
        members.merge(other.members) { _, theirs in theirs }
    }

    private static let known: Set<String> = [
        "id", "name", "base_url", "auth", "headers", "fields", "patterns", "powerful", "env", "docs_url", "keys_url",
        "probe", "verdicts", "usage", "sources", "remark",
    ]

    func provider(allowLoopback: Bool) throws(LatchkeyError) -> Provider {
        for name in members.keys where !Self.known.contains(name) {
            throw wrong("the member \(name) is not known")
        }
        let baseURL = try text("base_url")
        try checkAddress(baseURL, allowLoopback: allowLoopback)
        let probe = try probe()
        let auth = try auth()
        if let url = probe?.url { try checkAddress(String(url.prefix { $0 != "?" }), allowLoopback: allowLoopback) }
        return Provider(
            id: id, name: try optionalText("name") ?? id.text, baseURL: baseURL.trimmingTrailingSlash, auth: auth,
            headers: try headers(), fields: try fields(), patterns: try patterns("patterns"),
            powerful: try patterns("powerful"), env: try texts("env"), docsURL: try optionalText("docs_url") ?? "",
            keysURL: try optionalText("keys_url") ?? "", probe: probe, rules: try rules(), usage: try usage(auth))
    }

    private func auth() throws(LatchkeyError) -> Provider.AuthStyle {
        guard let value = members["auth"] else { return Provider.AuthStyle(header: "Authorization", scheme: "Bearer") }
        guard let auth = value as? [String: Any], let header = auth["header"] as? String, HeaderText.isName(header)
        else {
            throw wrong("auth needs a header")
        }
        guard let scheme = auth["scheme"] else { return Provider.AuthStyle(header: header, scheme: nil) }
        guard let scheme = scheme as? String, HeaderText.isName(scheme) else {
            throw wrong("auth.scheme is one word, such as Bearer")
        }
        return Provider.AuthStyle(header: header, scheme: scheme)
    }

    private func usage(_ auth: Provider.AuthStyle) throws(LatchkeyError) -> UsageShape {
        // Whoever takes `Bearer` is most often one of the many that speak OpenAI's API.
        guard let text = try optionalText("usage") else { return auth.scheme == "Bearer" ? .openai : .none }
        guard let shape = UsageShape(rawValue: text) else {
            throw wrong("usage is one of \(UsageShape.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return shape
    }

    private func headers() throws(LatchkeyError) -> [(name: String, value: String)] {
        guard let value = members["headers"] else { return [] }
        guard let map = value as? [String: Any] else { throw wrong("headers is a map of names to texts") }
        var headers: [(name: String, value: String)] = []
        for (name, value) in map.sorted(by: { $0.key < $1.key }) {
            guard HeaderText.isName(name), let text = value as? String, HeaderText.isValue(text) else {
                throw wrong("the header \(name) needs a text as its value (quote dates and numbers)")
            }
            headers.append((name, text))
        }
        return headers
    }

    private func fields() throws(LatchkeyError) -> [ProviderField] {
        guard let value = members["fields"] else { return [] }
        guard let list = value as? [[String: Any]] else { throw wrong("fields is a list of maps") }
        var fields: [ProviderField] = []
        for item in list {
            guard let name = item["name"] as? String, ProviderID(name.replacing("_", with: "-")) != nil else {
                throw wrong("a field needs a name")
            }
            let pattern = item["pattern"] as? String
            if let pattern, !PatternHint.isUsable(pattern) { throw wrong("the pattern of \(name) is no regex") }
            let header = item["header"] as? String
            if let header, !HeaderText.isName(header) {
                throw wrong("the header of the field \(name) is no field name")
            }
            fields.append(
                ProviderField(
                    name: name, label: item["label"] as? String ?? name, required: item["required"] as? Bool ?? false,
                    pattern: pattern, header: header))
        }
        return fields
    }

    private func probe() throws(LatchkeyError) -> Provider.Probe? {
        guard let value = members["probe"] else { return nil }
        guard let map = value as? [String: Any] else { throw wrong("probe is a map with a path") }
        let method = map["method"] as? String ?? "GET"
        guard ["GET", "POST", "HEAD"].contains(method) else { throw wrong("probe.method is GET, POST or HEAD") }
        let path = map["path"] as? String
        let url = map["url"] as? String
        guard (path == nil) != (url == nil) else { throw wrong("probe needs either a path or a url") }
        if let path, !path.utf8.starts(with: "/".utf8) { throw wrong("probe.path begins with /") }
        let expect = map["expect"] as? String ?? "json"
        guard expect == "json" || expect == "any" else { throw wrong("probe.expect is json or any") }
        return Provider.Probe(
            method: method, path: path, url: url, body: map["body"] as? String, expectJSON: expect == "json")
    }

    private func rules() throws(LatchkeyError) -> [VerdictRule] {
        guard let value = members["verdicts"] else { return [] }
        guard let list = value as? [[String: Any]] else { throw wrong("verdicts is a list of maps") }
        var rules: [VerdictRule] = []
        for item in list {
            let statuses = (item["status"] as? Int).map { [$0] } ?? item["status"] as? [Int] ?? []
            guard !statuses.isEmpty, statuses.allSatisfy({ (100...599).contains($0) }) else {
                throw wrong("each verdict rule needs a status")
            }
            guard let word = item["verdict"] as? String, word == "postpone" || Verdict(rawValue: word) != nil else {
                throw wrong(
                    "a verdict is postpone or one of \(Verdict.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            rules.append(
                VerdictRule(
                    statuses: statuses, bodyContains: item["body_contains"] as? String, verdict: Verdict(rawValue: word)
                ))
        }
        return rules
    }

    private func patterns(_ member: String) throws(LatchkeyError) -> [String] {
        let patterns = try texts(member)
        for pattern in patterns where !PatternHint.isUsable(pattern) {
            throw wrong("\(member) holds something that is no regular expression")
        }
        return patterns
    }

    private func texts(_ member: String) throws(LatchkeyError) -> [String] {
        guard let value = members[member] else { return [] }
        guard let list = value as? [String] else { throw wrong("\(member) is a list of texts") }
        return list
    }

    private func optionalText(_ member: String) throws(LatchkeyError) -> String? {
        guard let value = members[member] else { return nil }
        guard let text = value as? String else { throw wrong("\(member) is a text") }
        return text
    }

    private func text(_ member: String) throws(LatchkeyError) -> String {
        guard let text = try optionalText(member), !text.isEmpty else { throw wrong("\(member) is missing") }
        return text
    }

    private func checkAddress(_ address: String, allowLoopback: Bool) throws(LatchkeyError) {
        switch ProviderAddress.check(address, allowLoopback: allowLoopback) {
        case .usable: return
        case .loopbackNotAllowed:
            throw LatchkeyError(
                .catalogue, "provider \(id.text): plain http to this machine is refused",
                hint: "set LATCHKEY_ALLOW_LOOPBACK_PROVIDERS=1 to try things out with a provider of your own")
        case .unusable(let why): throw wrong("base_url or probe.url \(why)")
        }
    }

    private func wrong(_ what: String) -> LatchkeyError {
        LatchkeyError(.catalogue, "provider \(id.text): \(what)", hint: "docs/providers.md shows an entry")
    }
}
