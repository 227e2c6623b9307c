import Foundation
import HTTPTypes
import LatchkeyCrypto

/// What came back.
struct Answer: Sendable {
    let status: Int
    let headers: HTTPFields
    let body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }

    /// `404 key_not_found`, or the bare status of an answer that is no problem document.
    var outcome: String { code.map { "\(status) \($0)" } ?? "\(status)" }

    /// The `code` of a problem document.
    var code: String? {
        headers[.contentType] == "application/problem+json" ? self["code"]?.string : nil
    }

    /// The value at a path of member names.
    subscript(_ path: String...) -> JSONValue? {
        var value = try? StrictJSON.parse(body)
        for name in path {
            guard case .object(let object)? = value else { return nil }
            value = object[name]
        }
        return value
    }
}

extension JSONValue {
    var string: String? {
        guard case .string(let text) = self else { return nil }
        return text.string
    }

    var bytes: [UInt8]? {
        guard case .string(let text) = self else { return nil }
        return text.bytes
    }

    var integer: Int64? {
        guard case .number(let number) = self else { return nil }
        return number.int64
    }

    var boolean: Bool? {
        guard case .bool(let flag) = self else { return nil }
        return flag
    }

    var elements: [JSONValue]? {
        guard case .array(let values) = self else { return nil }
        return values
    }

    var isNull: Bool {
        if case .null = self { return true }
        return false
    }

    subscript(_ name: String) -> JSONValue? {
        guard case .object(let object) = self else { return nil }
        return object[name]
    }
}

extension HTTPField.Name {
    private static func made(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("not a field name: \(name)") }
        return name
    }

    static let xRequestID = made("X-Request-Id")
    static let xContentTypeOptions = made("X-Content-Type-Options")
    static let xSetupToken = made("X-Setup-Token")
    static let xUserID = made("X-User-Id")
}
