import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL
import LatchkeyTesting
import Logging
import Testing

/// Browsers' sessions from signing in to signing out.
struct WebSessionTests {
    private let folder: TemporaryFolder
    private let store: SQLStore
    private let fixture: VaultFixture
    private let sessions: WebSessions

    init() async throws {
        folder = try TemporaryFolder()
        store = SQLStore(driver: try SQLiteDriver(path: folder.newFile()))
        try await store.migrate()
        fixture = try VaultFixture(store: store)
        sessions = WebSessions(store: store, vault: fixture.vault, logger: Logger(label: "test"))
    }

    /// Another node: the same database and roots, nothing remembered.
    private func anotherNode(minutes: Int64 = 480) -> WebSessions {
        WebSessions(store: store, vault: fixture.vault, minutes: minutes, logger: Logger(label: "test"))
    }

    private func signIn(_ user: UserID = alice, isAdmin: Bool = false) async throws -> (WebSession, cookie: [UInt8]) {
        let made = try await sessions.create(user: user, isAdmin: isAdmin, method: "oidc", by: service)
        return (made.session, Array(made.cookie.text.utf8))
    }

    @Test(arguments: [false, true])
    func `a cookie stands for who signed in, on every node`(isAdmin: Bool) async throws {
        let (session, cookie) = try await signIn(isAdmin: isAdmin)
        #expect(session.user == alice)
        #expect(session.isAdmin == isAdmin)
        #expect(session.createdAt == Sample.time)
        #expect(session.expiresAt == Sample.time.advanced(bySeconds: 480 * 60))
        #expect(session.csrfToken.count == 43)
        #expect(try await sessions.verify(cookie) == session)
        #expect(try await anotherNode().verify(cookie) == session)
        let events = try await fixture.events(.signIn)
        #expect(events.map(\.detail) == ["oidc \(session.id)"])
        #expect(events.map(\.owner) == [.user(alice)])
    }

    @Test func `another secret, another id, another form and a code are refused`() async throws {
        let (_, cookie) = try await signIn()
        let (_, other) = try await signIn(bob)
        let code = try await sessions.makeCode(user: alice, isAdmin: true, by: service).text.text
        var wrong = cookie
        wrong[30] = wrong[30] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
        let mixed = Array(cookie[..<21]) + Array(other[21...])
        let unknown = Array("lks_aaaaaaaaaaaaaaaa".utf8) + Array(cookie[20...])
        let codeAsCookie = Array("lks_".utf8) + Array(code.utf8.dropFirst(4))
        let tokenForm = Array("lk_".utf8) + Array(cookie[4...])
        for bad in [wrong, mixed, unknown, [], Array(cookie.dropLast()), Array(code.utf8), codeAsCookie, tokenForm] {
            #expect(try await sessions.verify(bad) == nil)
        }
        let cookieAsCode = Array("lkc_".utf8) + Array(cookie[4...])
        for bad in [cookie, cookieAsCode, Array("lkc_".utf8), unknown] {
            #expect(try await sessions.redeem(bad) == nil)
        }
        // What was shown as something else is still there.
        #expect(try await sessions.verify(cookie) != nil)
        #expect(try await sessions.redeem(Array(code.utf8)) != nil)
        #expect(try await fixture.events(.sessionUse) == [])
    }

    @Test func `the token of one session is no other's, and the database does not hold it`() async throws {
        let (first, cookie) = try await signIn()
        let (second, _) = try await signIn()
        #expect(first.csrfToken != second.csrfToken)
        let row = try #require(try await store.webSession(first.id))
        let stored = [row.secretHash, row.mac]
        #expect(!stored.contains(first.csrfToken))
        #expect(!stored.contains { Secret(copying: $0).base64URL(after: "").text.utf8.elementsEqual(first.csrfToken) })
        #expect(try await sessions.verify(cookie)?.csrfToken == first.csrfToken)
    }

    @Test func `a session ends at its time, a remembered row or not`() async throws {
        let (session, cookie) = try await signIn()
        fixture.clock.advance(seconds: 480 * 60 - 1)
        #expect(try await sessions.verify(cookie) == session)
        fixture.clock.advance(seconds: 1)
        #expect(try await sessions.verify(cookie) == nil)
        #expect(try await anotherNode().verify(cookie) == nil)
    }

    @Test func `sessions that are made shorter are so for who is signed in already`() async throws {
        let (_, cookie) = try await signIn()
        let shorter = anotherNode(minutes: 10)
        #expect(try await shorter.verify(cookie)?.expiresAt == Sample.time.advanced(bySeconds: 600))
        fixture.clock.advance(seconds: 600)
        #expect(try await shorter.verify(cookie) == nil)
        #expect(try await sessions.verify(cookie) != nil)
    }

    @Test(arguments: [-5, 0, 1, 480, 10_080, 10_081, Int64.max])
    func `a session lasts from a minute to a week`(minutes: Int64) {
        let lifetime = anotherNode(minutes: minutes).lifetime
        #expect((60...WebSessions.longestMinutes * 60).contains(lifetime))
        #expect(!(1...WebSessions.longestMinutes).contains(minutes) || lifetime == minutes * 60)
    }

    @Test func `what is ended is over at once, and on record`() async throws {
        let (session, cookie) = try await signIn()
        let (_, other) = try await signIn()
        #expect(try await sessions.verify(cookie) != nil)
        try await sessions.end(session, by: service)
        #expect(try await sessions.verify(cookie) == nil)
        #expect(try await anotherNode().verify(cookie) == nil)
        #expect(try await sessions.verify(other) != nil)
        try await sessions.end(session, by: service)
        #expect(try await fixture.events(.signOut).map(\.detail) == [session.id])
    }

    @Test func `one session too many ends the user's oldest`() async throws {
        let (_, others) = try await signIn(bob)
        var cookies: [[UInt8]] = []
        for _ in 0..<WebSessions.mostOfAUser {
            cookies.append(try await signIn().cookie)
            fixture.clock.advance(seconds: 1)
        }
        for cookie in cookies { #expect(try await sessions.verify(cookie) != nil) }
        _ = try await signIn()
        #expect(try await sessions.verify(cookies[0]) == nil)
        for cookie in cookies[1...] { #expect(try await sessions.verify(cookie) != nil) }
        #expect(try await sessions.verify(others) != nil)
    }

    @Test func `a node without the primary root reads sessions and makes none`() async throws {
        let (session, cookie) = try await signIn()
        let reading = WebSessions(
            store: store, vault: fixture.with(policy: KeyPolicy(isWritable: false)), logger: Logger(label: "test"))
        #expect(try await reading.verify(cookie) == session)
        for refused in [
            await code { try await reading.create(user: alice, isAdmin: false, method: "oidc", by: service) },
            await code { try await reading.makeCode(user: alice, isAdmin: false, by: service) },
        ] { #expect(refused == .keysetDisagreement) }
    }
}

/// One-time codes.
extension WebSessionTests {
    @Test(arguments: [false, true])
    func `a code signs its user in, once`(isAdmin: Bool) async throws {
        let code = try await sessions.makeCode(user: alice, isAdmin: isAdmin, by: service)
        #expect(code.expiresAt == Sample.time.advanced(bySeconds: 60))
        let text = Array(code.text.text.utf8)
        let made = try #require(try await anotherNode().redeem(text, requestID: "request-9"))
        #expect(made.session.user == alice)
        #expect(made.session.isAdmin == isAdmin)
        #expect(made.session.method == "code")
        #expect(try await sessions.verify(Array(made.cookie.text.utf8)) == made.session)
        #expect(try await sessions.redeem(text) == nil)
        #expect(try await anotherNode().redeem(text) == nil)
        let event = try #require(try await fixture.events(.signIn).last)
        #expect(event.actor == (isAdmin ? .admin(alice) : .user(alice)))
        #expect(event.requestID == "request-9")
        #expect(try await fixture.events(.signInCode).count == 1)
    }

    @Test func `of fifty who show a code at once, on several nodes, one is signed in`() async throws {
        let nodes = (0..<5).map { _ in anotherNode() }
        for _ in 0..<5 {
            let code = Array(try await sessions.makeCode(user: alice, isAdmin: false, by: service).text.text.utf8)
            let signedIn = try await withThrowingTaskGroup(of: Bool.self) { group in
                for caller in 0..<50 {
                    group.addTask { try await nodes[caller % nodes.count].redeem(code) != nil }
                }
                return try await group.reduce(0) { $1 ? $0 + 1 : $0 }
            }
            #expect(signedIn == 1)
        }
        #expect(try await fixture.events(.signIn).count == 5)
    }

    @Test func `a code is good for a minute, and a wrong one uses up nothing`() async throws {
        let text = Array(try await sessions.makeCode(user: alice, isAdmin: false, by: service).text.text.utf8)
        var wrong = text
        wrong[30] = wrong[30] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
        #expect(try await sessions.redeem(wrong) == nil)
        fixture.clock.advance(seconds: 59)
        let later = Array(try await sessions.makeCode(user: alice, isAdmin: false, by: service).text.text.utf8)
        #expect(try await sessions.redeem(text) != nil)
        fixture.clock.advance(seconds: 60)
        #expect(try await sessions.redeem(later) == nil)
    }
}
