import HTTPTypes
import Hummingbird
import LatchkeyCore

/// What was used: a user's own usage, and for administrators everyone's.
struct UsageRoutes: Sendable {
    let usage: any UsageStore
    let clock: WallClock
    let authentication: Authentication

    private static let mostSums = 10_000
    private static let usualSums = 1000
    private static let mostCSV = 100_000
    private static let mostEvents = 1000
    private static let mostUnpriced = 100

    func add(to table: inout RouteTable) {
        table.add(.get, "/api/usage", .user, own)
        table.add(.get, "/api/usage/events", .user, events)
        table.add(.get, "/api/admin/usage", .admin, all)
    }

    @Sendable private func own(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let user = try await authentication.user(request, context, scope: .status)
        try user.requireEveryProvider()
        var query = try QueryReader(request)
        let asked = try Asked(
            &query, request, user: user.id, dimensions: [.day, .provider, .model, .key], now: clock.now())
        try query.finish(known: "from, to, by, limit, offset and format")
        return try await answer(asked, listsUnpriced: false)
    }

    @Sendable private func all(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        _ = try await authentication.admin(request)
        var query = try QueryReader(request)
        let user = try query.text("user").map { try UserID($0) }
        let asked = try Asked(
            &query, request, user: user, dimensions: UsageDimension.allCases, now: clock.now())
        try query.finish(known: "user, from, to, by, limit, offset and format")
        return try await answer(asked, listsUnpriced: true)
    }

    @Sendable private func events(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let user = try await authentication.user(request, context, scope: .status)
        try user.requireEveryProvider()
        var query = try QueryReader(request)
        let range = try UsageRange(from: query.text("from"), to: query.text("to"), now: clock.now())
        let limit = try query.number("limit", in: 1...Self.mostEvents) ?? 100
        let before = try query.text("before").map { try Self.cursor($0) }
        try query.finish(known: "from, to, limit and before")
        let page = try await usage.usageEvents(
            UsageEventQuery(user: user.id, range: range, before: before, limit: limit))
        return Response.json { writer in
            writer.object { writer in
                writer.name("events")
                writer.array(page.events) { UsageJSON.write($1, to: &$0) }
                writer.member("next", page.next.map { "\($0.at.microseconds)-\($0.row)" })
            }
        }
    }

    private static func cursor(_ text: String) throws(LatchkeyError) -> UsageCursor {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
            .map { Int64(String(decoding: Array($0), as: UTF8.self)) }
        guard parts.count == 2, let at = parts[0], let row = parts[1] else {
            throw LatchkeyError(.invalidRequest, "before is not what the page before had as next")
        }
        return UsageCursor(at: Timestamp(microseconds: at), row: row)
    }
}

// Sums
extension UsageRoutes {
    private struct Asked {
        var user: UserID?
        var selection: UsageSelection
        var limit: Int?
        var offset: Int
        var isCSV: Bool

        init(
            _ query: inout QueryReader, _ request: Request, user: UserID?, dimensions: [UsageDimension], now: Timestamp
        ) throws {
            self.user = user
            selection = try UsageSelection(
                from: query.text("from"), to: query.text("to"), by: query.text("by"), allowed: dimensions, now: now)
            limit = try query.number("limit", in: 1...UsageRoutes.mostSums)
            offset = try query.number("offset", in: 0...1_000_000_000) ?? 0
            switch query.text("format") {
            case "csv": isCSV = true
            case "json": isCSV = false
            case nil: isCSV = Self.prefersCSV(request)
            default: throw LatchkeyError(.invalidRequest, "format is neither json nor csv")
            }
        }

        /// Only for one who takes CSV and says nothing of JSON: a browser takes everything, and gets JSON.
        private static func prefersCSV(_ request: Request) -> Bool {
            let accepted = request.headers[values: .accept].flatMap { $0.split(separator: ",") }
                .map { $0.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }.lowercased() }
            return accepted.contains("text/csv") && !accepted.contains("application/json")
        }

        func query(limit: Int) -> UsageQuery {
            UsageQuery(
                user: user, range: selection.range, dimensions: Set(selection.dimensions), limit: limit, offset: offset)
        }
    }

    private func answer(_ asked: Asked, listsUnpriced: Bool) async throws -> Response {
        if asked.isCSV { return try await csv(asked) }
        let (range, dimensions) = (asked.selection.range, asked.selection.dimensions)
        let limit = asked.limit ?? Self.usualSums
        // One more than is shown says whether there is more.
        let found = try await usage.usage(asked.query(limit: limit + 1))
        let total = try await usage.usage(UsageQuery(user: asked.user, range: range, dimensions: [], limit: 1)).first
        let unpriced =
            listsUnpriced
            ? try await usage.unpricedModels(of: asked.user, in: range, limit: Self.mostUnpriced) : nil
        return Response.json { writer in
            writer.object { writer in
                writer.member("from", range.from)
                writer.member("to", range.to)
                writer.member("by", dimensions.map(\.rawValue))
                writer.name("usage")
                writer.array(found.prefix(limit)) { UsageJSON.write($1, by: dimensions, to: &$0) }
                writer.member("next_offset", found.count > limit ? Int64(asked.offset + limit) : nil)
                writer.name("totals")
                UsageJSON.write(total ?? UsageSum(), by: [], to: &writer)
                if let unpriced {
                    writer.name("unpriced_models")
                    writer.array(unpriced) { UsageJSON.write($1, by: [.provider, .model], to: &$0) }
                }
            }
        }
    }

    /// All of it: an export that ends early and does not say so would be believed.
    private func csv(_ asked: Asked) async throws -> Response {
        let found = try await usage.usage(asked.query(limit: asked.limit ?? Self.mostCSV + 1))
        guard found.count <= Self.mostCSV else {
            throw LatchkeyError(
                .invalidRequest, "there are more than \(Self.mostCSV) lines",
                hint: "ask for fewer days, or by fewer things")
        }
        return Response.csv(UsageTable(found, by: asked.selection.dimensions).csv, filename: "usage.csv")
    }
}
