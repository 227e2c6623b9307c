import HTTPTypes
import Hummingbird
import LatchkeyCore
import LatchkeyCrypto

/// What an app tells of calls that it made itself, in OpenTelemetry's names (semantic conventions, `gen_ai.*`).
struct UsageReport {
    let events: [UsageEvent]

    static let mostEvents = 1000
    /// A clock that is ahead of ours by less is believed.
    private static let mostAhead: Int64 = 5 * 60

    /// One event, or `{"events": […]}`. All of them are read before anything is done.
    ///
    /// - Throws: as the event at fault does, with its place in the list; `invalid_usage` for none, and for too many.
    init(reading members: inout MemberReader, by reader: EventReader) throws(LatchkeyError) {
        guard let list = try members.list("events") else {
            events = [try reader.read(&members)]
            try members.finish()
            return
        }
        try members.finish()
        guard (1...Self.mostEvents).contains(list.count) else {
            throw LatchkeyError(.invalidUsage, "\(list.count) events, and not 1 to \(Self.mostEvents)")
        }
        var events: [UsageEvent] = []
        events.reserveCapacity(list.count)
        for (index, value) in list.enumerated() {
            do throws(LatchkeyError) {
                guard case .object = value else { throw LatchkeyError(.wrongType, "the event is not an object") }
                var members = try MemberReader(value)
                events.append(try reader.read(&members))
                try members.finish()
            } catch {
                throw LatchkeyError(error.code, "events[\(index)]: \(error.reason)", hint: error.hint)
            }
        }
        self.events = events
    }

    /// Reads one event.
    struct EventReader {
        let caller: ServiceCaller
        let catalogue: ProviderCatalogue
        let pricing: any UsageLedger
        let now: Timestamp
        let requestID: String

        func read(_ members: inout MemberReader) throws(LatchkeyError) -> UsageEvent {
            let id = try members.required("id", try members.string("id"))
            guard UsageEvent.isUsableID(id) else {
                throw LatchkeyError(.invalidUsage, "the id is not 1 to 64 of A-Z a-z 0-9 . _ -")
            }
            // Names that this service gives: whoever took one beforehand would make that call count for nothing.
            guard !["gw-", "expired."].contains(where: { id.utf8.starts(with: $0.utf8) }) else {
                throw LatchkeyError(.invalidUsage, "the id begins like one of this service's own")
            }
            let user = try ServiceRoutes.user(try members.bytes("user_id"), caller, members)
            let at = try time(&members)
            let duration = try members.integer("duration_ms")
            guard (0...604_800_000).contains(duration ?? 0) else {
                throw LatchkeyError(.invalidUsage, "duration_ms is not from 0 to 604800000, which is a week")
            }
            let keyName = try members.string("key_name")
            let attributes = try Attributes(members.required("attributes", try members.object("attributes")))
            let provider = try provider(attributes)
            let tokens = try attributes.tokens()
            let model = try attributes.model()
            return UsageEvent(
                id: id, at: at, origin: .reported, user: user, provider: provider,
                keyName: try keyName.map { name throws(LatchkeyError) in try KeyName(name) } ?? .default,
                tokenID: caller.grant?.id, operation: try attributes.operation(), model: model, tokens: tokens,
                cost: pricing.cost(of: tokens, provider: provider, model: model, at: at),
                status: try attributes.status(), duration: duration.map { $0 * 1000 }, requestID: requestID)
        }

        private func time(_ members: inout MemberReader) throws(LatchkeyError) -> Timestamp {
            let at: Timestamp
            do { at = try members.time("time") ?? now } catch  where error.code == .invalidExpiry {
                throw LatchkeyError(.invalidUsage, error.reason, hint: error.hint)
            }
            guard at <= now.advanced(bySeconds: UsageReport.mostAhead) else {
                throw LatchkeyError(.invalidUsage, "the time is more than five minutes ahead")
            }
            guard at.microseconds >= 0 else { throw LatchkeyError(.invalidUsage, "the time is before 1970") }
            return at
        }

        private func provider(_ attributes: Attributes) throws(LatchkeyError) -> ProviderID {
            guard let name = try attributes.text(TelemetryNames.provider) else {
                throw LatchkeyError(.missingMember, "the attribute gen_ai.provider.name is missing")
            }
            guard let provider = TelemetryNames.provider(name, in: catalogue) else {
                throw LatchkeyError(
                    .unknownProvider, "gen_ai.provider.name is no provider of the catalogue",
                    hint: "GET /api/api-keys/providers lists them; LATCHKEY_PROVIDERS_FILE adds one")
            }
            guard caller.grant?.allows(provider) ?? true else {
                throw LatchkeyError(.forbidden, "the access token is not for \(provider.text)")
            }
            return provider
        }
    }
}

/// The attributes of a call. There may be others than ours: instrumentations write many.
private struct Attributes {
    private let object: JSONObject

    init(_ object: JSONObject) { self.object = object }

    private func value(_ names: [String]) -> (name: String, value: JSONValue)? {
        for name in names {
            if let value = object[name] {
                if case .null = value { continue }
                return (name, value)
            }
        }
        return nil
    }

    func text(_ names: [String]) throws(LatchkeyError) -> String? {
        guard let (name, value) = value(names) else { return nil }
        guard case .string(let text) = value else {
            throw LatchkeyError(.wrongType, "the attribute \(name) is not a text")
        }
        return text.string
    }

    func model() throws(LatchkeyError) -> String? {
        try short(TelemetryNames.model, bytes: 128)
    }

    func operation() throws(LatchkeyError) -> String? {
        try short(TelemetryNames.operation, bytes: 32)
    }

    private func short(_ names: [String], bytes: Int) throws(LatchkeyError) -> String? {
        guard let text = try text(names) else { return nil }
        guard (1...bytes).contains(text.utf8.count), !text.unicodeScalars.contains(where: isControl) else {
            throw LatchkeyError(
                .invalidUsage, "\(names[0]) is not 1 to \(bytes) bytes, or holds a control character")
        }
        return text
    }

    func tokens() throws(LatchkeyError) -> TokenCounts {
        let tokens = TokenCounts(
            input: try count(TelemetryNames.input), output: try count(TelemetryNames.output),
            cachedInput: try count(TelemetryNames.cachedInput))
        if let input = tokens.input, let cached = tokens.cachedInput, cached > input {
            throw LatchkeyError(
                .invalidUsage, "\(TelemetryNames.cachedInput[0]) is more than \(TelemetryNames.input[0])",
                hint: "input tokens include those read from a cache")
        }
        return tokens
    }

    private func count(_ names: [String]) throws(LatchkeyError) -> Int64? {
        guard let (name, value) = value(names) else { return nil }
        guard case .number(let number) = value, let count = number.int64 else {
            throw LatchkeyError(.wrongType, "the attribute \(name) is not a whole number")
        }
        guard (0...UsageEvent.mostTokens).contains(count) else {
            throw LatchkeyError(.invalidUsage, "\(name) is not from 0 to \(UsageEvent.mostTokens)")
        }
        return count
    }

    func status() throws(LatchkeyError) -> Int? {
        guard let (name, value) = value(TelemetryNames.status) else { return nil }
        guard case .number(let number) = value, let status = number.int64, (100...599).contains(status) else {
            throw LatchkeyError(.invalidUsage, "\(name) is not an HTTP status")
        }
        return Int(status)
    }
}
