import LatchkeyCore
import NIOCore
import NIOHTTP1

/// An answer that says no, kept until it is known whether another key of the same user is tried.
struct UpstreamRefusal {
    let head: HTTPResponseHead
    private(set) var body = ByteBuffer()

    private static let mostBytes = 64 * 1024

    init(head: HTTPResponseHead) { self.head = head }

    /// Answers that may mean "too many requests" or "no credit": 429 and 402 by themselves, 400 and 403 with a word in
    /// the body at some providers.
    static func isJudged(_ status: UInt) -> Bool { [400, 402, 403, 429].contains(status) }

    var isTooLong: Bool { body.readableBytes > Self.mostBytes }

    mutating func add(_ bytes: ByteBuffer) { body.writeImmutableBuffer(bytes) }

    /// What it says about the key.
    func verdict(of provider: Provider) -> Verdict? {
        provider.verdict(status: Int(head.status.code), body: Array(body.readableBytesView))
    }
}

extension GatewayCall {
    /// The next of the user's own keys at this provider, by name: only where the user asked for that, and only where the
    /// key before it was at its limit or out of credit. Never somebody else's.
    func nextKey(after tried: [KeyName], _ refusal: UpstreamRefusal, _ plan: Plan) async throws -> KeyName? {
        guard [.rateLimited, .noCredit].contains(refusal.verdict(of: plan.provider)) else { return nil }
        let vault = gateway.resolver.vault
        guard try await vault.store.setting(.keyFailover, of: plan.caller.user) ?? false else { return nil }
        let keys = try await vault.status(of: .user(plan.caller.user))
        try checkIsWanted()
        let now = vault.clock.now()
        let candidates = keys.filter {
            $0.provider == plan.provider.id && !tried.contains($0.name) && $0.verdict(at: now).mayServe
        }
        // The default key first, then by name.
        return candidates.first { $0.name == .default }?.name
            ?? candidates.map(\.name).min { $0.text.utf8.lexicographicallyPrecedes($1.text.utf8) }
    }
}
