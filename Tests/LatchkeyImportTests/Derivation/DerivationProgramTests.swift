import Foundation
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeyImport

/// A program of the operator's that makes the keys.
struct DerivationProgramTests {
    private let folder: TemporaryFolder
    private let key = "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s="

    init() throws { folder = try TemporaryFolder() }

    private func script(_ body: String) throws -> String {
        let path = folder.newFile(".sh")
        try #require(
            FileManager.default.createFile(
                atPath: path, contents: Data("#!/bin/sh\n\(body)\n".utf8), attributes: [.posixPermissions: 0o700]))
        return path
    }

    private func program(_ body: String, patience: Int32 = 30_000) throws -> DerivationProgram {
        try DerivationProgram(
            path: try script(body), secret: SharedSecret(text: "old secret"), variable: "OLD_SECRET", patience: patience
        )
    }

    @Test func `it is asked a line of JSON for each user and answers each`() async throws {
        let asked = folder.file("asked")
        let program = try program("while read -r line; do printf '%s\\n' \"$line\" >> '\(asked)'; echo '\(key)'; done")
        for user in ["alice", "caf\u{e9} \"quoted\"\\", "a/b"] {
            #expect(try await program.key(user: Array(user.utf8))?.bytes == [UInt8](repeating: 0xfb, count: 32))
        }
        program.close()
        let lines = try String(contentsOfFile: asked, encoding: .utf8)
        #expect(
            lines == "{\"user_id\":\"alice\"}\n{\"user_id\":\"caf\u{e9} \\\"quoted\\\"\\\\\"}\n{\"user_id\":\"a/b\"}\n")
    }

    @Test func `it has the secret in its environment and nothing else of ours`() async throws {
        let seen = folder.file("environment")
        let program = try program("env > '\(seen)'; while read -r line; do echo '\(key)'; done")
        _ = try await program.key(user: [0x61])
        program.close()
        let names = try String(contentsOfFile: seen, encoding: .utf8).split(separator: "\n").map {
            String($0.prefix { $0 != "=" })
        }
        #expect(names.contains("OLD_SECRET"))
        let allowed = [
            "OLD_SECRET", "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "PWD", "SHLVL", "_",
            "OLDPWD",
        ]
        #expect(Set(names).subtracting(allowed).isEmpty)
    }

    @Test(arguments: ["", "no key", "c2hvcnQ="])
    func `an answer that is no key is no key for that user`(_ answer: String) async throws {
        let program = try program("while read -r line; do echo '\(answer)'; done")
        #expect(try await program.key(user: [0x61]) == nil)
        #expect(try await program.key(user: [0x62]) == nil)
        program.close()
    }

    @Test func `one that ends, is silent or talks without end stops the import with a reason`() async throws {
        let ended = try program("exit 0")
        #expect(await failure { try await ended.key(user: [0x61]) } == DerivationProgram.ended)
        let silent = try program("while read -r line; do :; done", patience: 200)
        #expect(await failure { try await silent.key(user: [0x61]) }?.hint?.contains("flush") == true)
        silent.close()
        let endless = try program("read -r line; head -c 100000 /dev/zero | tr '\\0' x 2>/dev/null; read -r line")
        #expect(await failure { try await endless.key(user: [0x61]) }?.reason.contains("1024") == true)
        endless.close()
    }

    @Test func `one that cannot be started is a mistake in the command`() async throws {
        for path in [folder.file("absent"), "no-such-program-anywhere"] {
            let error = await failure { try DerivationProgram(path: path, secret: nil, variable: nil) }
            #expect(error?.code == .configuration)
        }
    }
}
