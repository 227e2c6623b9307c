import LatchkeyCore
import Testing

/// What is a place on the public Internet, by bytes.
struct AddressPolicyTests {
    private func isPublic(_ bytes: [UInt8]) -> Bool? { NetworkAddress(bytes: bytes).map(AddressPolicy.isPublic) }

    /// 16 bytes that begin and end so, with zeros between.
    private func v6(_ start: [UInt8], end: [UInt8] = []) -> [UInt8] {
        start + Array(repeating: 0, count: 16 - start.count - end.count) + end
    }

    @Test(
        arguments: [
            [1, 1, 1, 1], [8, 8, 8, 8], [9, 255, 255, 255], [11, 0, 0, 0], [100, 63, 255, 255], [100, 128, 0, 0],
            [126, 255, 255, 255], [128, 0, 0, 0], [169, 253, 255, 255], [169, 255, 0, 0], [172, 15, 255, 255],
            [172, 32, 0, 0], [192, 0, 1, 0], [192, 0, 3, 0], [192, 167, 255, 255], [192, 169, 0, 0],
            [198, 17, 255, 255],
            [198, 20, 0, 0], [198, 51, 99, 255], [198, 51, 101, 0], [203, 0, 112, 255], [203, 0, 114, 0],
            [223, 255, 255, 255], [168, 63, 129, 15], [168, 63, 129, 17], [192, 88, 98, 255], [192, 88, 100, 0],
        ] as [[UInt8]])
    func `IPv4 addresses right beside a special block are public`(bytes: [UInt8]) {
        #expect(isPublic(bytes) == true)
    }

    @Test(
        arguments: [
            [0, 0, 0, 0], [0, 255, 255, 255], [10, 0, 0, 0], [10, 255, 255, 255], [100, 64, 0, 0],
            [100, 127, 255, 255],
            [100, 100, 100, 200], [127, 0, 0, 1], [127, 255, 255, 255], [169, 254, 0, 0], [169, 254, 169, 254],
            [169, 254, 255, 255], [172, 16, 0, 0], [172, 31, 255, 255], [192, 0, 0, 0], [192, 0, 0, 192],
            [192, 0, 0, 255], [192, 0, 2, 0], [192, 0, 2, 255], [192, 88, 99, 1], [192, 168, 0, 0],
            [192, 168, 255, 255],
            [198, 18, 0, 0], [198, 19, 255, 255], [198, 51, 100, 0], [203, 0, 113, 255], [224, 0, 0, 0],
            [239, 255, 255, 255], [240, 0, 0, 0], [255, 255, 255, 255], [168, 63, 129, 16],
        ] as [[UInt8]])
    func `the first and the last IPv4 address of each special block are not, nor behind any of the translations`(
        bytes: [UInt8]
    ) {
        #expect(isPublic(bytes) == false)
        for around in [
            v6([], end: [0xFF, 0xFF] + bytes), v6([], end: bytes), v6([0x00, 0x64, 0xFF, 0x9B], end: bytes),
            v6([0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01], end: bytes), v6([0x20, 0x02] + bytes),
            v6([0x20, 0x01, 0x00, 0x00], end: bytes.map { ~$0 }),
        ] {
            #expect(isPublic(around) == false, "\(around)")
        }
    }

    @Test func `a public IPv4 address is judged where it is mapped or translated, and refused in a tunnel`() {
        let inner: [UInt8] = [8, 8, 8, 8]
        #expect(isPublic(v6([], end: [0xFF, 0xFF] + inner)) == true)
        #expect(isPublic(v6([0x00, 0x64, 0xFF, 0x9B], end: inner)) == true)
        #expect(isPublic(v6([], end: inner)) == false)
        #expect(isPublic(v6([0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01], end: inner)) == false)
        #expect(isPublic(v6([0x20, 0x02] + inner)) == false)
        #expect(isPublic(v6([0x20, 0x01, 0x00, 0x00], end: inner.map { ~$0 })) == false)
    }

    @Test(
        arguments: [
            [0x20, 0x01, 0x02], [0x20, 0x01, 0x48, 0x60, 0x48, 0x60], [0x20, 0x01, 0x0D, 0xB7],
            [0x20, 0x01, 0x0D, 0xB9],
            [0x20, 0x03], [0x26, 0x06, 0x47, 0x00], [0x2A, 0x00], [0x3F, 0xFE], [0x3F, 0xFF, 0x10],
        ] as [[UInt8]])
    func `global unicast is public`(start: [UInt8]) {
        #expect(isPublic(v6(start, end: [1])) == true)
    }

    @Test(
        arguments: [
            [0], [0x01, 0x00], [0x1F, 0xFF], [0x20, 0x01, 0x00, 0x00], [0x20, 0x01, 0x00, 0x02],
            [0x20, 0x01, 0x00, 0x10],
            [0x20, 0x01, 0x00, 0x20], [0x20, 0x01, 0x01, 0xFF], [0x20, 0x01, 0x0D, 0xB8], [0x20, 0x02], [0x3F, 0xFF],
            [0x3F, 0xFF, 0x0F], [0x40], [0x5F, 0x00], [0xFC], [0xFD, 0x00, 0x0E, 0xC2], [0xFE, 0x80], [0xFE, 0xBF],
            [0xFE, 0xC0], [0xFF, 0x02], [0xFF],
        ] as [[UInt8]])
    func `the rest of IPv6 is not`(start: [UInt8]) {
        #expect(isPublic(v6(start)) == false)
        #expect(isPublic(v6(start, end: [1])) == false)
    }

    @Test func `loopback is all of 127 and one address of IPv6`() {
        let loopback: [[UInt8]] = [
            [127, 0, 0, 1], [127, 9, 9, 9], v6([], end: [1]), v6([], end: [0xFF, 0xFF, 127, 0, 0, 1]),
        ]
        for bytes in loopback { #expect(NetworkAddress(bytes: bytes).map(AddressPolicy.isLoopback) == true) }
        let others: [[UInt8]] = [[126, 0, 0, 1], [0, 0, 0, 0], v6([]), v6([], end: [2]), v6([0xFE, 0x80], end: [1])]
        for bytes in others { #expect(NetworkAddress(bytes: bytes).map(AddressPolicy.isLoopback) == false) }
    }
}
