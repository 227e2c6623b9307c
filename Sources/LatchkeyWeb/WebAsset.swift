import Crypto
package import NIOCore

/// One static file of the pages: its bytes as they are sent, and what is said of them.
package struct WebAsset: Sendable {
    package let name: String
    package let contentType: String
    /// Whether a page of another origin may take it in: the element and the service, which hold nothing of ours.
    package let isImportable: Bool
    package let plain: Representation
    /// nil where compression gains nothing.
    package let compressed: Representation?

    package struct Representation: Sendable {
        package let body: ByteBuffer
        /// A strong entity tag, quoted: of SHA-256 of the plain bytes the first half, and the coding (RFC 9110, 8.8.3).
        package let tag: String
    }

    init(_ file: WebFile, _ bytes: [UInt8]) {
        name = file.name
        contentType = file.kind.contentType
        isImportable = file.isImportable
        let digest = SHA256.hash(data: bytes).prefix(16).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
        plain = Representation(body: ByteBuffer(bytes: bytes), tag: "\"\(digest)\"")
        compressed = Gzip.compress(bytes).flatMap { gzip in
            gzip.count < bytes.count ? Representation(body: ByteBuffer(bytes: gzip), tag: "\"\(digest)-gzip\"") : nil
        }
    }
}
