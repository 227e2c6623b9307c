import AsyncHTTPClient
import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL
import LatchkeyServer

/// The reference system's troubleshooting list, as a program.
struct Doctor {
    let settings: Settings
    let offline: Bool

    func examine(_ report: inout DoctorReport) async {
        let keyring = root(&report)
        await tokens(&report)
        let catalogue = providers(&report)
        let store = await database(&report)
        if let keyring, let store {
            if await keyset(keyring, store, &report) { await rows(keyring, store, &report) }
        }
        clock(&report)
        if let catalogue { await network(catalogue, &report) }
    }

    private func root(_ report: inout DoctorReport) -> RootKeyring? {
        do {
            let keyring = try Node.keyring(settings)
            let kids = keyring.kids.map(String.init).joined(separator: ", ")
            report.ok("root: \(Setting.root.name) holds root \(kids), primary \(keyring.primary)")
            return keyring
        } catch {
            report.fail("root", error)
            return nil
        }
    }

    private func tokens(_ report: inout DoctorReport) async {
        do {
            let rules = try Identity.rules(settings)
            _ = try await Identity.keys(settings, algorithm: rules.algorithm)
            report.ok(
                "tokens: \(rules.algorithm), user id from \(rules.userClaim), lifetime without exp \(rules.expirationMinutes) min"
            )
        } catch {
            report.fail("tokens", error)
        }
        do {
            if try Identity.serviceToken(settings) == nil {
                report.ok("service token: none is set; back ends show an access token")
            } else {
                report.ok("service token: \(Setting.serviceToken.name) is set")
            }
        } catch {
            report.fail("service token", error)
        }
    }

    private func providers(_ report: inout DoctorReport) -> ProviderCatalogue? {
        do {
            let catalogue = try Node.catalogue(settings)
            report.ok("providers: \(catalogue.providers.count) in the catalogue of \(catalogue.date)")
            return catalogue
        } catch {
            report.fail("providers", error)
            return nil
        }
    }

    /// Never makes a database: a doctor who does would hide that there is none.
    private func database(_ report: inout DoctorReport) async -> SQLStore? {
        do {
            let url = try Node.databaseURL(settings)
            guard let driver = try await Node.inspectDatabase(settings) else {
                report.warn(
                    "database: there is none yet at \(Self.name(url))",
                    mend: "`latchkey serve` or `latchkey migrate` makes it")
                return nil
            }
            if case .sqlite(let path) = url { permissions(path, &report) }
            let store = SQLStore(driver: driver)
            let missing = try await store.missingMigrations()
            guard missing.isEmpty else {
                report.warn(
                    "database: \(missing.count) migrations behind this program",
                    mend: "`latchkey migrate`, or the next `latchkey serve`, runs them")
                return nil
            }
            try await store.ping()
            let users = try await store.keyCount(.user)
            let global = try await store.keyCount(.global)
            report.ok(
                "database: \(Self.name(url)) answers, schema up to date, \(users) keys of users, \(global) global")
            await rowSecurity(driver, &report)
            return store
        } catch {
            report.fail("database", error)
            return nil
        }
    }

    private func rowSecurity(_ driver: any SQLDriver, _ report: inout DoctorReport) async {
        guard let driver = driver as? PostgreSQLDriver else { return }
        if (try? await driver.isUnderRowSecurity()) == true {
            report.ok("database role: under row-level security")
        } else {
            report.warn(
                "database role: a superuser, or one that row-level security does not hold for",
                mend: "make a role for the service, and run latchkey migrate --grant ROLE")
        }
    }

    private static func name(_ url: DatabaseURL) -> String {
        switch url {
        case .sqlite(let path): path
        case .postgresql: "PostgreSQL"
        }
    }

    private func permissions(_ path: String, _ report: inout DoctorReport) {
        if !DatabaseFile.canWrite(path) {
            report.fail("permissions: \(path) cannot be read and written", mend: "run as the user who owns it")
        } else if let mode = DatabaseFile.mode(path), mode & 0o077 != 0 {
            report.warn(
                "permissions: \(path) has mode \(String(mode, radix: 8)); what is in it is sealed, but who has what is not",
                mend: "chmod 600 \(path)")
        } else {
            report.ok("permissions: \(path) is its owner's alone")
        }
    }

    private func keyset(_ keyring: RootKeyring, _ store: SQLStore, _ report: inout DoctorReport) async -> Bool {
        do {
            let entries = try await store.keyset()
            guard !entries.isEmpty else {
                report.warn("keyset: empty, no key has been stored yet", mend: "the first start writes it")
                return true
            }
            switch try await KeysetCheck.compare(entries, keyring) {
            case .agrees: report.ok("keyset: the configured root is the one this database was sealed with")
            case .readOnly(let primary):
                report.warn(
                    "keyset: root \(primary) is the database's primary and not the first one configured; nothing can be written",
                    mend: "put root \(primary) first in \(Setting.root.name)")
            }
            return true
        } catch {
            report.fail("keyset", error)
            return false
        }
    }

    /// Opens every record in memory and counts those that do not open. Nothing is shown, nothing is handed on.
    private func rows(_ keyring: RootKeyring, _ store: SQLStore, _ report: inout DoctorReport) async {
        let sealing = KeySealing(keyring: keyring)
        var bad = 0
        var seen = 0
        do {
            let total = try await KeyTable.allCases.asyncSum { try await store.keyCount($0) }
            var progress = ProgressLine(label: "opening rows", total: total)
            for table in KeyTable.allCases {
                var last: Int64 = 0
                while true {
                    let batch = try await store.keys(in: table, afterRow: last, limit: 500)
                    guard let end = batch.last?.id else { break }
                    last = end
                    for (_, row) in batch {
                        seen += 1
                        if await !opens(row, sealing) { bad += 1 }
                    }
                    progress.advance(to: seen)
                }
            }
            progress.end()
        } catch {
            return report.fail("rows", error)
        }
        if bad == 0 {
            report.ok("rows: \(seen) of \(seen) open")
        } else {
            report.fail(
                "rows: \(bad) of \(seen) do not open",
                mend: "restore them from a backup, or have their owners enter the keys again")
        }
    }

    private func opens(_ row: UserAPIKey?, _ sealing: KeySealing) async -> Bool {
        guard let row else { return false }
        let reference = KeyReference(row.owner, row.provider, row.name)
        return (try? await sealing.open(row, as: reference)) != nil
    }

    private func clock(_ report: inout DoctorReport) {
        let now = WallClock.system.now()
        // Before this program was written: the clock was never set.
        guard let written = Timestamp(parsing: "2026-11-01T00:00:00Z"), now >= written else {
            return report.fail("clock: it says \(now.rfc3339)", mend: "set the clock; tokens are judged by it")
        }
        report.ok("clock: \(now.rfc3339)")
    }
}

extension Array {
    fileprivate func asyncSum(_ value: (Element) async throws -> Int) async rethrows -> Int {
        var sum = 0
        for element in self { sum += try await value(element) }
        return sum
    }
}
