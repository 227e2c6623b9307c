import Configuration
import Foundation
import LatchkeyCore
import SystemPackage
import Yams

/// All settings as found: the environment first, then the file.
struct Settings: Sendable {
    private let values: [String: String]
    /// The whole environment, for the providers' own variables.
    let environment: [String: String]

    /// - Throws: `configuration` for a file that cannot be read or holds a name that is no setting.
    static func load(file: String?) async throws -> Settings {
        let environment = ProcessInfo.processInfo.environment
        var providers: [any ConfigProvider] = [EnvironmentVariablesProvider(environmentVariables: environment)]
        if let path = file ?? environment[Setting.configFile.name], !path.isEmpty {
            try refuseUnknownNames(in: path)
            do {
                providers.append(try await FileProvider<YAMLSnapshot>(filePath: FilePath(path)))
            } catch {
                throw LatchkeyError(.configuration, "the configuration file \(path) cannot be read as YAML or JSON")
            }
        }
        let reader = ConfigReader(providers: providers)
        var values: [String: String] = [:]
        for setting in Setting.all { values[setting.name] = value(of: setting, in: reader) }
        return Settings(values: values, environment: environment)
    }

    private static func value(of setting: Setting, in reader: ConfigReader) -> String? {
        let key = ConfigKey([setting.fileKey])
        if let text = reader.string(forKey: key, isSecret: setting.isSecret) { return text }
        // A YAML file may hold a list, a bare number or a bare true.
        if let list = reader.stringArray(forKey: key, isSecret: setting.isSecret) { return list.joined(separator: ",") }
        if let number = reader.int(forKey: key, isSecret: setting.isSecret) { return "\(number)" }
        return reader.bool(forKey: key, isSecret: setting.isSecret).map { $0 ? "1" : "0" }
    }

    /// A misspelt setting that is silently ignored is a setting somebody believes in.
    private static func refuseUnknownNames(in path: String) throws {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw LatchkeyError(
                .configuration, "the configuration file \(path) cannot be read", hint: "check its path and mode")
        }
        guard let names = (try? Yams.load(yaml: text)) as? [String: Any] else {
            throw LatchkeyError(.configuration, "the configuration file \(path) is not a YAML or JSON map of settings")
        }
        for name in names.keys.sorted() where !Setting.all.contains(where: { $0.fileKey == name }) {
            throw LatchkeyError(
                .configuration, "the configuration file \(path) has a setting named \(name), which is not known",
                hint: "docs/configuration.md lists them; in a file they are in lower case")
        }
    }

    subscript(_ setting: Setting) -> String? {
        values[setting.name].flatMap { $0.isEmpty ? nil : $0 } ?? (setting.fallback.isEmpty ? nil : setting.fallback)
    }

    /// Not empty, and not the default.
    func isGiven(_ setting: Setting) -> Bool { values[setting.name].map { !$0.isEmpty } ?? false }

    /// - Throws: `configuration`.
    func flag(_ setting: Setting) throws -> Bool {
        switch self[setting]?.lowercased() {
        case "1", "true", "yes", "on": return true
        case nil, "0", "false", "no", "off": return false
        default: throw LatchkeyError(.configuration, "\(setting.name) is neither 1 nor 0")
        }
    }

    func list(_ setting: Setting) -> [String] {
        (self[setting] ?? "").split(separator: ",").map { $0.trimming(while: \.isWhitespace) }.filter { !$0.isEmpty }
    }

    /// - Throws: `configuration` when it is not a whole number of at least 1 that leaves room for arithmetic.
    func positiveNumber(_ setting: Setting) throws -> Int64 {
        guard let number = Int64(self[setting] ?? ""), (1...52_560_000).contains(number) else {
            throw LatchkeyError(.configuration, "\(setting.name) is not a whole number from 1 to 52560000")
        }
        return number
    }

    /// How long usage is kept; nil: for ever.
    /// - Throws: `configuration`.
    func usageDays() throws -> Int64? {
        guard self[.usageDays] != nil else { return nil }
        let days = try positiveNumber(.usageDays)
        guard (Retention.fewestDays...Retention.mostDays).contains(days) else {
            throw LatchkeyError(
                .configuration,
                "\(Setting.usageDays.name) is \(days), and not from \(Retention.fewestDays) to \(Retention.mostDays)",
                hint: "a month's budgets are counted from its events")
        }
        return days
    }

    /// Every setting, one a line, secrets as what kind they are.
    func printed() -> String {
        Setting.all.map { setting in
            let origin = isGiven(setting) ? "" : "   # default"
            guard let value = self[setting] else { return "\(setting.name)=   # not set" }
            guard setting.isSecret else { return "\(setting.name)=\(Self.withoutPassword(value))\(origin)" }
            let isFile = value.hasPrefix("file:")
            return "\(setting.name)=\(isFile ? value : "[redacted]")\(origin)"
        }.joined(separator: "\n")
    }

    /// `scheme://user:password@host?password=…` without either password.
    private static func withoutPassword(_ value: String) -> String {
        withoutUserPassword(value).replacing(/(?i)([?&](?:password|sslpassword)=)[^&#]*/) { "\($0.1)[redacted]" }
    }

    private static func withoutUserPassword(_ value: String) -> String {
        guard let scheme = value.range(of: "://"), let at = value.lastIndex(of: "@"), scheme.upperBound < at,
            let colon = value[scheme.upperBound..<at].firstIndex(of: ":")
        else { return value }
        return value[...colon] + "[redacted]" + value[at...]
    }
}

extension Substring {
    fileprivate func trimming(while predicate: (Character) -> Bool) -> String {
        var text = self.drop(while: predicate)
        while let last = text.last, predicate(last) { text.removeLast() }
        return String(text)
    }
}
