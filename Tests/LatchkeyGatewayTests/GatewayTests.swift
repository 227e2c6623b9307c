import LatchkeyGateway
import Testing

struct GatewayTests {
    @Test func `the gateway lies below its prefix`() { #expect(LatchkeyGateway.prefix == "/gateway/") }
}
