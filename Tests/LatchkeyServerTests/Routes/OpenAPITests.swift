import Foundation
import HTTPTypes
import LatchkeyCore
import Testing

@testable import LatchkeyServer

/// `openapi.yaml` and the route table say the same, in both directions. Read by lines: it is our own file, and what is
/// asked of it has one place each.
struct OpenAPITests {
    private struct Operation {
        var line: Int
        var responses: Set<String> = []
        var isPublic = false
    }

    private static let methods: Set<String> = ["get", "put", "post", "delete", "patch", "head", "options", "trace"]

    /// Operations by method and path in the route table's form.
    private func operations(_ text: String) throws -> [String: Operation] {
        var operations: [String: Operation] = [:]
        var isInPaths = false
        var (path, key, isInResponses) = ("", "", false)
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let indent = line.prefix { $0 == " " }.count
            let name = line.dropFirst(indent).prefix { $0 != ":" }
            guard !name.isEmpty, !line.dropFirst(indent).hasPrefix("#") else { continue }
            switch indent {
            case 0: isInPaths = line == "paths:"
            case 2 where isInPaths && name.hasPrefix("/"):
                path = String(name)
            case 4 where isInPaths && Self.methods.contains(String(name)):
                key = "\(name.uppercased()) \(Self.tablePath(path))"
                try #require(operations[key] == nil, "line \(index + 1): \(key) is there twice")
                operations[key] = Operation(line: index + 1)
            case 6 where isInPaths:
                isInResponses = name == "responses"
                if line.dropFirst(6) == "security: []" { operations[key]?.isPublic = true }
            case 8 where isInPaths && isInResponses:
                operations[key]?.responses.insert(name.trimmingCharacters(in: ["'", "\""]))
            default: break
            }
        }
        return operations
    }

    /// `{provider}` is `:provider`, and the one documented path with a slash at its end works without it too.
    private static func tablePath(_ path: String) -> String {
        let path = path.replacing("{", with: ":").replacing("}", with: "")
        return path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    private func file() throws -> String {
        try String(
            contentsOf: Repository.file("Sources/LatchkeyServer/Resources/openapi.yaml"), encoding: .utf8)
    }

    @Test func `every route is described and everything described is a route`() async throws {
        let described = Set(try operations(file()).keys)
        let routes = Set(try await TestService().routes.map { "\($0.method.rawValue) \($0.path)" })
        #expect(described.subtracting(routes) == [])
        #expect(routes.subtracting(described) == [])
        #expect(!routes.isEmpty)
    }

    @Test func `what the service serves is the file`() async throws {
        let answer = try await TestService().call(.get, "/openapi.yaml")
        #expect(answer.headers[.contentType] == "application/yaml")
        #expect(answer.text == (try file()))
    }

    @Test func `every status that the matrix expects of a route is described there`() async throws {
        let operations = try operations(file())
        for (key, row) in RouteMatrixTests.table {
            let described = try #require(operations[key]?.responses)
            #expect(described.count >= 1, "\(key)")
            let expected = Set(row.outcomes.values.map { String($0.prefix(3)) })
            #expect(expected.subtracting(described) == [], "\(key)")
        }
    }

    @Test func `a route is described as open exactly when anyone may call it`() async throws {
        let operations = try operations(file())
        for route in try await TestService().routes where route.access != .page {
            let operation = try #require(operations["\(route.method.rawValue) \(route.path)"])
            #expect(operation.isPublic == (route.access == .anyone), "line \(operation.line): \(route.path)")
        }
    }

    @Test func `every code that an answer can have is named`() throws {
        let file = try file()
        let codes: [ErrorCode] = [
            .badJSON, .duplicateMember, .jsonTooDeep, .wrongType, .missingMember, .unknownMember, .invalidKeyFormat,
            .maskedKey, .invalidName, .invalidLabel, .invalidExpiry, .baseURLNotAllowed, .invalidField, .invalidUserID,
            .unsupportedMediaType, .methodNotAllowed, .notFound, .bodyTooLarge, .headersTooLarge, .unauthorized,
            .forbidden, .setupClosed, .unknownProvider, .keyNotFound, .keyInvalid, .keyExpired, .keyRefused, .integrity,
            .keysetDisagreement, .storeUnavailable, .notReady, .internalError, .userIDNotAllowed, .invalidRequest,
            .requestTimeout, .csrfRefused, .invalidCode,
        ]
        #expect(codes.map(\.rawValue).filter { !file.contains($0) } == [])
    }

    /// Routes that take no members answer a body of another type with 415 (`BodyLimitTests`), and any route of a user one
    /// that names a user with 400.
    @Test func `the statuses of wrong bodies and named users are described`() async throws {
        let operations = try operations(file())
        let missing = try await TestService().routes.filter { $0.access == .user }.flatMap { route in
            let key = "\(route.method.rawValue) \(route.path)"
            let expected: Set<String> = route.method == .get ? ["400", "408"] : ["400", "408", "413", "415"]
            return expected.subtracting(operations[key]?.responses ?? []).map { "\(key) \($0)" }
        }
        #expect(missing.sorted() == [])
    }
}
