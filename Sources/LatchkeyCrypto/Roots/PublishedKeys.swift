import Crypto

/// Keys of 32 bytes that stand in specifications and test vectors, as their SHA-256 digests: a list that can be read
/// without the keys themselves being searched for.
enum PublishedKeys {
    static func contains(_ key: borrowing Secret) -> Bool {
        let digest = key.withUnsafeBytes { bytes in
            var hash = SHA256()
            hash.update(bufferPointer: bytes)
            return hash.finalize()
        }
        return digests.contains(Hex.text(digest))
    }

    private static let digests: Set<String> = [
        // derive-v1.json, root 1, the bytes 00 01 … 1f; also in FIPS 197
        "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd",
        // derive-v1.json, root 2
        "72dbb7336c76780023f83da4c355f2eeea85733b13d3477697917790c1229084",
        // derive-v1.json, user key
        "24536a94040413c2cf1690fbcf7ea838d9566a4b9b7017a163b18ee946eeb500",
        // derive-v1.json, record key
        "8a0b2afa9b394436f291776284e53d8ab6a2e260679400b2018dd88269def63b",
        // derive-v1.json, global owner key
        "b2736a4c196d2abeb0f8b994493d245ed9e6de93352a057cf9069e2275c8d51e",
        // derive-v1.json, global record key
        "fe817a2cf41a5da113663b5b240f064652b565b4fec20861055d6f6303ef3774",
        // The Fernet specification
        "cbeb362f1fa69a6691db592f4529cf6bea1ce089eb132a3350c9081279ff8f34",
        // RFC 5869 A.1, PRK
        "d6a0e0a6aaadb10a5bd327f509dbfd577c880fa33e7ee4c985213f969181c545",
        // RFC 5869 A.2, PRK
        "2d3809a26e194d8f9486a43974907ec0e006630d09eee4ed31b900d31b2e36d1",
        // RFC 5869 A.3, PRK
        "1a93e2351affed65151dac820211f31c9d4ee537f3abd1031a10915703fd706d",
        // RFC 6238 Appendix B, the seed of 32 bytes
        "e1b85b27d6bcb05846c18e6a48f118e89f0c0587140de9fb3359f8370d0dba08",
        // RFC 8032 section 7.1, test 1
        "644d50ab64864c20a12b3c4656d46b4a48f69ef7c47ecdc8415cd28316b22ef5",
        // RFC 8439 section 2.8.2
        "82d86408530b765e46ebf47807095027e807bc08674b0de77ee5ef2fae7d0492",
        // RFC 8439 Appendix A.5
        "b2fc17bf5e95289cefb59ca945471f60dd000eb17a59c23a3deb85a76929a2ce",
        // NIST SP 800-38A Appendix F, AES-256
        "b93c72b74bc8487d29827005f80d635918f91bc22b14d7ed05714d58f96702dd",
    ]
}
