import HTTPTypes
import Hummingbird
import LatchkeyCore

/// Usage of those who call providers themselves, with keys that they were handed: told afterwards, and counted like the
/// gateway's.
struct UsageReportRoutes: Sendable {
    let recorder: UsageRecorder
    let vault: KeyVault
    let authentication: Authentication

    /// The most a report may have, in bytes: a thousand events with room for what instrumentations write beside.
    static let maximumReport = 1024 * 1024

    func add(to table: inout RouteTable) {
        table.add(.post, "/api/service/usage", .service, report)
    }

    @Sendable private func report(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        // Whoever may have keys may say what was done with them.
        let caller = try await authentication.service(request, context, scope: .resolve)
        var members = try await request.json(upTo: Self.maximumReport)
        let report = try UsageReport(
            reading: &members,
            by: UsageReport.EventReader(
                caller: caller, catalogue: vault.catalogue, pricing: recorder, now: vault.clock.now(),
                requestID: context.requestID))
        // Durable before it is answered: what is acknowledged need not be told again.
        let new = try await recorder.report(report.events)
        return Response.json { writer in
            writer.object { writer in
                writer.member("received", Int64(report.events.count))
                writer.member("new", Int64(new))
                writer.member("known", Int64(report.events.count - new))
            }
        }
    }
}
