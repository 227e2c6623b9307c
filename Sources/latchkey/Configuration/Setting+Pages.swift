// Latchkey's own pages.
extension Setting {
    static let publicURL = Setting(
        "LATCHKEY_PUBLIC_URL",
        "Where browsers reach Latchkey's own pages, such as `https://keys.example.com`, without a path. Empty: on this machine alone, at `http://127.0.0.1:PORT` or `http://localhost:PORT`."
    )
    static let sessionMinutes = Setting(
        "LATCHKEY_SESSION_MINUTES", default: "480",
        "How long a browser stays signed in to them: 1 to 10080, a week.")

    static let pages: [Setting] = [publicURL, sessionMinutes]
}
