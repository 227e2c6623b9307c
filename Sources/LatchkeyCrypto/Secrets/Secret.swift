import Fernet

// SAFETY: the value is the sole owner of its memory, which is written only during initialisation and in `deinit`.
/// Secret bytes in an allocation of their own, wiped when the value ends its life.
///
/// Not copyable, so that a second copy is written down as `copy()`. No `Codable`, no `description`, no conversion to
/// `String`: to reach the bytes a caller opens a closure, which a reviewer can search for.
public struct Secret: ~Copyable, @unchecked Sendable {
    private let storage: UnsafeMutableRawBufferPointer

    /// Copies `bytes`; the caller still owns, and wipes, the original.
    public init(copying bytes: UnsafeRawBufferPointer) {
        storage = Self.allocate(bytes.count)
        storage.copyMemory(from: bytes)
    }

    /// Copies `bytes`; the caller still owns the original, which nobody wipes.
    public init(copying bytes: [UInt8]) {
        storage = Self.allocate(bytes.count)
        bytes.withUnsafeBytes { storage.copyMemory(from: $0) }
    }

    /// `count` bytes, zero until `initializing` fills them. If it throws, what it wrote is wiped.
    public init(count: Int, initializing: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows {
        let bytes = Self.allocate(max(count, 0))
        do {
            try initializing(bytes)
        } catch {
            // The value never came to be, so its `deinit` will not run.
            Self.free(bytes)
            throw error
        }
        storage = bytes
    }

    /// `count` bytes from the system's CSPRNG.
    public static func random(count: Int) -> Secret {
        Secret(count: count) { SystemRandom.fill($0) }
    }

    /// How many bytes there are.
    public var count: Int { storage.count }

    /// Lends the bytes to `body`. The pointer must not outlive the call.
    public borrowing func withUnsafeBytes<R: ~Copyable>(
        _ body: (UnsafeRawBufferPointer) throws -> R
    ) rethrows -> R {
        try body(UnsafeRawBufferPointer(storage))
    }

    /// A second value with the same bytes, wiped on its own.
    public borrowing func copy() -> Secret {
        withUnsafeBytes { Secret(copying: $0) }
    }

    /// Whether both hold the same bytes. The time depends on the lengths only.
    public borrowing func constantTimeEquals(_ other: borrowing Secret) -> Bool {
        SecureMemory.constantTimeEquals(UnsafeRawBufferPointer(storage), UnsafeRawBufferPointer(other.storage))
    }

    deinit {
        Self.free(storage)
    }

    private static func allocate(_ count: Int) -> UnsafeMutableRawBufferPointer {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        // Zeroed so that a filler that stops early shows no one else's old memory.
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        return bytes
    }

    private static func free(_ bytes: UnsafeMutableRawBufferPointer) {
        SecureMemory.wipe(bytes)
        bytes.deallocate()
    }
}
