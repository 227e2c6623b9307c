import HTTPTypes
import Hummingbird
import LatchkeyCore

/// How the whole deployment stands, for administrators: counts alone.
struct AdminOverviewRoutes: Sendable {
    let parts: AdminParts
    let vault: KeyVault
    let gate: SetupGate
    let authentication: Authentication

    private static let checksLookBack: Int64 = 24 * 3600
    private static let mostChecks = 200_000

    func add(to table: inout RouteTable) {
        table.add(.get, "/api/admin/overview", .admin, overview)
    }

    @Sendable private func overview(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        _ = try await authentication.admin(request)
        try QueryReader(request).finish(known: "no parameters")
        let now = vault.clock.now()
        let keys = try await parts.store.keyCounts(at: now)
        let checks = try await parts.store.checkCounts(
            since: now.advanced(bySeconds: -Self.checksLookBack), limit: Self.mostChecks)
        let overview = AdminOverview(
            keys: keys, checks: checks, isSetUp: try await gate.isFinished(), isWritable: vault.policy.isWritable)
        return Response.json { write(overview, to: &$0) }
    }

    private func write(_ overview: AdminOverview, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("version", parts.version)
            writer.member("started_at", parts.startedAt)
            writer.member("database", parts.database)
            writer.member("nodes", parts.nodes.map { Int64($0) })
            writer.member("setup_finished", overview.isSetUp)
            writer.name("keys")
            Self.write(overview.keys, to: &writer)
            writer.name("checks")
            Self.write(overview.checks, to: &writer)
            writer.member("global_keys", overview.keys.global.reduce(0) { $0 + $1.keys })
            writer.name("alerts")
            writer.array(overview.alerts) { writer, alert in
                writer.object { writer in
                    writer.member("severity", alert.severity.rawValue)
                    writer.member("code", alert.code)
                    writer.member("count", alert.count)
                    writer.member("provider", alert.provider?.text)
                }
            }
        }
    }

    private static func write(_ keys: KeyCounts, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("total", keys.users.reduce(0) { $0 + $1.keys })
            writer.member("users", keys.holders)
            writer.member("failing", keys.users.reduce(0) { $0 + ($1.verdict.isFailing ? $1.keys : 0) })
            writer.name("by_verdict")
            writer.object { writer in
                for verdict in Verdict.allCases {
                    let count = keys.users.reduce(0) { $0 + ($1.verdict == verdict ? $1.keys : 0) }
                    writer.member(verdict.rawValue, count)
                }
            }
            writer.name("by_provider")
            writer.array(AdminOverview.byProvider(keys.users)) { writer, provider in
                writer.object { writer in
                    writer.member("provider", provider.id.text)
                    writer.member("total", provider.total)
                    writer.member("failing", provider.failing)
                }
            }
        }
    }

    private static func write(_ checks: CheckCounts, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("since", checks.since)
            writer.member("succeeded", checks.providers.reduce(0) { $0 + $1.succeeded })
            writer.member("failed", checks.providers.reduce(0) { $0 + $1.failed })
            writer.member("postponed", checks.providers.reduce(0) { $0 + $1.postponed })
            writer.name("by_provider")
            writer.array(checks.providers) { writer, count in
                writer.object { writer in
                    writer.member("provider", count.provider.text)
                    writer.member("succeeded", count.succeeded)
                    writer.member("failed", count.failed)
                    writer.member("postponed", count.postponed)
                }
            }
        }
    }
}
