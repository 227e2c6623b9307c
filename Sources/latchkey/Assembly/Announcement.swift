import LatchkeyCore
import LatchkeyCrypto
import LatchkeyServer

/// What is printed once the service listens: for a script one line, for a newcomer what to try.
struct Announcement: Sendable {
    let hostname: String
    let setupToken: SharedSecret?
    let quickStart: QuickStart?
    let rules: TokenVerifier.Rules
    let keys: TokenKeys
    let keyID: String?

    func print(port: Int) async {
        let host = hostname.contains(":") ? "[\(hostname)]" : hostname
        let address = "http://\(host):\(port)"
        Console.print("latchkey: listening on \(address)")
        if let setupToken { Console.print("latchkey: set-up token: \(SetupToken.text(setupToken))") }
        if let quickStart { tour(quickStart, address) }
    }

    private func tour(_ quickStart: QuickStart, _ address: String) {
        let token =
            (try? TokenMint.mint(
                user: "demo", roles: [], minutes: 1440, rules: rules, keys: keys, clock: .system,
                keyID: keyID))
            ?? ""
        Console.print(
            """

            The root and the secrets are in \(quickStart.folder)/ (mode 0600)\(quickStart.isNew ? ", made just now" : ""). \
            Keep a copy of \(quickStart.folder)/root: without it no stored key opens.

            A token for the user "demo", good for a day:
              \(token)

            Try it, in another terminal:

              curl -sS -X POST \(address)/api/api-keys/set -H 'Authorization: Bearer \(token)' -H 'Content-Type: application/json' -d '{"provider":"openai","api_key":"sk-demo-not-a-real-key-0000","validate":false}'

              curl -sS \(address)/api/api-keys/status -H 'Authorization: Bearer \(token)'

              curl -sS -X POST \(address)/api/service/resolve -H "Authorization: Bearer $(cat \(quickStart.folder)/service-token)" -H 'Content-Type: application/json' -d '{"user_id":"demo","provider":"openai"}'

            The first stores a key for demo (leave out "validate":false with a real one, and the provider is asked about it),
            the second shows what is stored, the third is what your app's back end does. Ctrl-C ends the service; what is
            stored stays.
            """)
    }
}
