#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The two things done to secret bytes that plain Swift does not promise: erasing them, and comparing them in a time
/// that does not depend on where they differ.
package enum SecureMemory {
    /// Overwrites `bytes` with zeros.
    ///
    /// `explicit_bzero` and `memset_s` are used because both are documented never to be removed as a dead store; a loop
    /// or `memset` just before `free` is exactly what an optimiser drops.
    package static func wipe(_ bytes: UnsafeMutableRawBufferPointer) {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
        #if canImport(Darwin)
        memset_s(base, bytes.count, 0, bytes.count)
        #else
        explicit_bzero(base, bytes.count)
        #endif
    }

    /// Overwrites an array that held something secret, in place.
    ///
    /// Copies made earlier by copy-on-write are out of reach, so an array with one owner must be given.
    package static func wipe(_ bytes: inout [UInt8]) {
        bytes.withUnsafeMutableBytes { wipe($0) }
    }

    /// Whether both hold the same bytes. The time depends on the lengths only.
    package static func constantTimeEquals(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count else { return false }
        // Every byte is read and the differences are gathered with OR: there is no early exit to measure.
        var difference: UInt8 = 0
        for index in left.indices {
            difference |= left[index] ^ right[index]
        }
        return difference == 0
    }
}
