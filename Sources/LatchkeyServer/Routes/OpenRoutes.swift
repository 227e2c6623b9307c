import HTTPTypes
import Hummingbird
import LatchkeyCore
import NIOCore

/// What anybody may read: health, the provider catalogue, the API's description.
struct OpenRoutes: Sendable {
    let store: any Store
    let catalogue: ProviderCatalogue

    func add(to table: inout RouteTable) {
        let catalogue = Self.render(catalogue)
        let openAPI = ByteBuffer(bytes: PackageResources.openapi_yaml)
        table.add(.get, "/healthz", .anyone) { _, _ in
            Response(
                status: .ok, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: Self.healthy))
        }
        table.add(.get, "/readyz", .anyone, ready)
        table.add(.get, "/api/api-keys/providers", .anyone) { _, _ in
            Response(
                status: .ok, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: catalogue))
        }
        table.add(.get, "/openapi.yaml", .anyone) { _, _ in
            Response(status: .ok, headers: [.contentType: "application/yaml"], body: ResponseBody(byteBuffer: openAPI))
        }
    }

    private static let healthy = ByteBuffer(string: #"{"status":"ok"}"#)

    @Sendable private func ready(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        do { try await store.ping() } catch {
            throw LatchkeyError(.notReady, "the database does not answer")
        }
        return Response.json { $0.object { $0.member("status", "ready") } }
    }

    /// Once, at start: the catalogue does not change while the service runs.
    private static func render(_ catalogue: ProviderCatalogue) -> ByteBuffer {
        var writer = JSONWriter(capacity: 16_384)
        writer.object { writer in
            writer.member("catalogue_date", catalogue.date)
            writer.name("providers")
            writer.array(catalogue.providers) { writer, provider in
                writer.object { writer in
                    writer.member("id", provider.id.text)
                    writer.member("name", provider.name)
                    writer.member("base_url", provider.baseURL)
                    writer.member("docs_url", provider.docsURL)
                    writer.member("keys_url", provider.keysURL)
                    writer.member("patterns", provider.patterns)
                    writer.name("fields")
                    writer.array(provider.fields) { writer, field in
                        writer.object { writer in
                            writer.member("name", field.name)
                            writer.member("label", field.label)
                            writer.member("required", field.required)
                        }
                    }
                    writer.member("env", provider.env)
                }
            }
        }
        return writer.buffer
    }
}
