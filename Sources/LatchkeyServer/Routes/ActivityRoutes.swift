import HTTPTypes
import Hummingbird
import LatchkeyCore

/// What happened with the caller's keys, tokens and sessions: the caller's own audit events. For a person who is signed
/// in; no access token opens it.
struct ActivityRoutes: Sendable {
    let store: any ActivityStore
    let authentication: Authentication

    private static let mostEvents = 200

    func add(to table: inout RouteTable) {
        table.add(.get, "/api/activity", .user, list)
    }

    @Sendable private func list(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let user = try await authentication.user(request)
        var query = try QueryReader(request)
        let limit = try query.number("limit", in: 1...Self.mostEvents) ?? 50
        let before = try query.text("before").map { try Self.cursor($0) }
        try query.finish(known: "limit and before")
        let page = try await store.activity(ActivityQuery(user: user.id, before: before, limit: limit))
        return Response.json { writer in
            writer.object { writer in
                writer.name("events")
                writer.array(page.events) { Self.write($1, to: &$0) }
                writer.member("next", page.next.map { "\($0)" })
                writer.member("uses_since", page.usesSince)
            }
        }
    }

    /// An event has no place for a key, and nothing of one comes out here.
    private static func write(_ event: AuditEvent, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("at", event.at)
            writer.member("actor", event.actor.kind.rawValue)
            writer.member("actor_id", event.actor.id)
            writer.member("action", event.action.rawValue)
            writer.member("provider", event.provider?.text)
            writer.member("name", event.name?.text)
            writer.member("outcome", event.outcome)
            writer.member("detail", event.detail)
            writer.member("request_id", event.requestID)
        }
    }

    private static func cursor(_ text: String) throws(LatchkeyError) -> Int64 {
        guard text.utf8.count <= 19, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let id = Int64(text)
        else { throw LatchkeyError(.invalidRequest, "before is not what the page before had as next") }
        return id
    }
}
