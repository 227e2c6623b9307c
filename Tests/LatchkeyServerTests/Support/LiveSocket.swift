import Foundation

/// A plain TCP connection, for bytes that no HTTP client would send. It blocks, so it is used on a thread of its own.
final class LiveSocket {
    struct Failure: Error { let call: String }

    private let descriptor: Int32
    private var received: [UInt8] = []

    /// Runs `body` with a new connection, off the threads that the server's tasks run on.
    static func run<R: Sendable>(port: Int, _ body: @escaping @Sendable (LiveSocket) throws -> R) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(with: Result { try body(try LiveSocket(port: port)) })
            }
        }
    }

    private init(port: Int) throws {
        var hints = addrinfo()
        #if canImport(Darwin)
        hints.ai_socktype = SOCK_STREAM
        #else
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #endif
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo("localhost", "\(port)", &hints, &found) == 0 else { throw Failure(call: "getaddrinfo") }
        defer { freeaddrinfo(found) }
        var next = found
        while let address = next?.pointee {
            let descriptor = socket(address.ai_family, address.ai_socktype, address.ai_protocol)
            if descriptor >= 0, connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 {
                self.descriptor = descriptor
                // A test that waits for what does not come fails instead of hanging.
                var limit = timeval(tv_sec: 20, tv_usec: 0)
                setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
                setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
                var yes: Int32 = 1
                setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
                return
            }
            if descriptor >= 0 { close(descriptor) }
            next = address.ai_next
        }
        throw Failure(call: "connect")
    }

    deinit { close(descriptor) }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            #if canImport(Darwin)
            let flags: Int32 = 0
            #else
            let flags = Int32(MSG_NOSIGNAL)
            #endif
            let count = rest.withUnsafeBytes { sendBytes(descriptor, $0.baseAddress, $0.count, flags) }
            guard count > 0 else { throw Failure(call: "send") }
            rest = rest.dropFirst(count)
        }
    }

    /// The next whole answer.
    func answer(toHead isHead: Bool = false) throws -> Answer {
        while true {
            if let answer = Answer.take(from: &received, toHead: isHead) { return answer }
            guard try read() else {
                throw Failure(call: "recv: the connection ended with \(received.count) bytes unread")
            }
        }
    }

    /// Says that no more will be sent.
    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Everything until the other side closes.
    func rest() throws -> [UInt8] {
        while try read() {}
        return received
    }

    /// False at the end.
    private func read() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count >= 0 else { throw Failure(call: "recv") }
        received += buffer[..<count]
        return count > 0
    }
}

/// `send` by another name, for the method has taken it.
private func sendBytes(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int, _ flags: Int32) -> Int {
    send(descriptor, bytes, count, flags)
}
