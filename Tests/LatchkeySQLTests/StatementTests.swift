import LatchkeyCore
import Testing

@testable import LatchkeySQL

/// Every statement there is, read as text: they are written once for two databases, and a mistake in one shows in both.
struct StatementTests {
    /// Those that serve the whole deployment and are called by no user's request.
    private static let administrative = ["due", "count", "walk"]

    private static let keyStatements: [SQLStatement] = KeyTable.allCases.flatMap { table in
        Mirror(reflecting: KeyStatements.for(table)).children.compactMap { $0.value as? SQLStatement }
    }

    private static let others: [SQLStatement] = [
        AuditStatements.insert, AuditStatements.newest, SettingStatements.selectSetting,
        SettingStatements.upsertSetting, SettingStatements.selectFact, SettingStatements.upsertFact,
        SettingStatements.selectKeyset, SettingStatements.insertKeyset, SettingStatements.selectLease,
        SettingStatements.insertLease,
        SettingStatements.updateLease, SettingStatements.one,
    ]

    /// Usage as one user is told of it, and what counts for one user.
    private static let ofOneUser: [SQLStatement] =
        [
            UsageStatements.page, UsageStatements.deleteExpired, UsageStatements.unpriced(ofUser: true),
            UsageStatements.insertReservation, UsageStatements.findReservation, BudgetStatements.selectAll,
            BudgetStatements.selectSubjects, BudgetStatements.count, BudgetStatements.delete,
        ] + owned(BudgetStatements.user) + sums(ofUser: true) + budgetSums(ofService: false)

    /// What is written in batches, and what administration and the service's own tokens need.
    private static let ofEverybody: [SQLStatement] =
        [
            UsageStatements.pageOfAll, UsageStatements.unpriced(ofUser: false), UsageStatements.expired,
            BudgetStatements.selectServices, BudgetStatements.any, BudgetStatements.forget,
        ] + UsageStatements.inserts.map(\.statement) + UsageStatements.deleteReservations.statements.map(\.statement)
        + BudgetStatements.lockOwners.statements.map(\.statement) + owned(BudgetStatements.service)
        + sums(ofUser: false) + budgetSums(ofService: true)

    /// What people look at: a user's own events, and for administrators everybody's keys and checks.
    private static let ownEvents = [ActivityStatements.kept, ActivityStatements.uses]
    private static let administrations = [
        ActivityStatements.lastID, ActivityStatements.timeBefore, ActivityStatements.checks, AdminStatements.userCounts,
        AdminStatements.holderCount, AdminStatements.failing, AdminStatements.holders, AdminStatements.holdersInRange,
        AdminStatements.holdersFrom,
    ]

    @Test(arguments: ownEvents)
    func `a statement on a user's events names the user`(statement: SQLStatement) {
        #expect(statement.scope == .owner)
        #expect(statement.sql.contains("WHERE COALESCE(user_id, actor_id) = $1 AND "))
        // No OR but within brackets, which cannot undo that.
        let outside = statement.sql.replacing(/\([^()]*\)/, with: "")
        #expect(!outside.contains(/\bOR\b/))
    }

    @Test(arguments: administrations)
    func `a statement of administration says that everyone is meant, and only reads`(statement: SQLStatement) {
        #expect(statement.scope == .everyone)
        #expect(statement.sql.hasPrefix("SELECT"))
    }

    private static func owned(_ statements: BudgetStatements.Owned) -> [SQLStatement] {
        Mirror(reflecting: statements).children.compactMap { $0.value as? SQLStatement }
    }

    private static func sums(ofUser: Bool) -> [SQLStatement] {
        (0..<(1 << UsageDimension.allCases.count)).map { mask in
            let chosen = UsageDimension.allCases.enumerated().filter { mask & (1 << $0.offset) != 0 }
            return UsageStatements.sums(by: Set(chosen.map(\.element)), ofUser: ofUser)
        }
    }

    private static func budgetSums(ofService: Bool) -> [SQLStatement] {
        let key = ProviderID("openai").map { BudgetSubject.key($0, .default) }
        let subjects = ofService ? [.token("t")] : [.user, .token("t"), key].compactMap { $0 }
        return UsageTable.allCases.flatMap { table in
            subjects.map { BudgetStatements.sums(of: table, for: $0, ofService: ofService) }
        }
    }

    private static var all: [SQLStatement] {
        keyStatements + others + ofOneUser + ofEverybody + ownEvents + administrations + [AdminStatements.globalCounts]
    }

    @Test(arguments: ofOneUser)
    func `a statement on a user's usage names the user`(statement: SQLStatement) {
        #expect(statement.scope == .owner)
        let sql = statement.sql
        #expect(
            sql.contains(/WHERE user_id = \$1\b/)
                || sql.hasPrefix("INSERT") && sql.contains(/\(user_id, [^)]*\)\s+VALUES \(\$1,/))
        #expect(!sql.contains(/\bOR\b/))
    }

    @Test(arguments: ofEverybody)
    func `a statement on everybody's usage says so`(statement: SQLStatement) {
        #expect(statement.scope == .everyone)
    }

    @Test func `all statements of both tables are looked at`() {
        #expect(Self.keyStatements.count == 32)
        #expect(Set(Self.keyStatements.map(\.name)).count == 32)
    }

    /// A connection keeps prepared statements by name: two with one name would run as the first of them.
    @Test func `no two statements share a name`() {
        #expect(Set(Self.all.map(\.name)).count == Self.all.count)
    }

    /// A gap would be a value that nothing uses in one database and an error in the other.
    @Test(arguments: all.map(\.sql))
    func `values are numbered from 1 without a gap`(sql: String) throws {
        let numbers = try Set(sql.matches(of: /\$([0-9]+)/).map { try #require(Int($0.1)) })
        #expect(numbers == Set(1..<numbers.count + 1))
        // `$` stands for a value and for nothing else: the SQLite driver replaces each one.
        #expect(sql.matches(of: /\$(?![0-9])/).isEmpty)
    }

    /// Every statement on rows of a user says which user, in its condition or in what it inserts.
    @Test(arguments: keyStatements)
    func `a statement on keys names the owner`(statement: SQLStatement) {
        let verb = statement.name.split(separator: ".").last.map(String.init) ?? ""
        let sql = statement.sql
        if Self.administrative.contains(verb) {
            #expect(!sql.contains("user_id = "))
            #expect(sql.hasPrefix("SELECT"), "an administrative statement only reads")
        } else if verb.hasPrefix("append_use") {
            #expect(sql.contains(/EXISTS \(\s*SELECT 1 FROM/) && sql.contains(/WHERE user_id = \$1\b/))
        } else if sql.hasPrefix("INSERT") {
            #expect(sql.contains("(user_id, ") && sql.contains("VALUES ($1,"))
        } else {
            #expect(sql.contains(/WHERE user_id = \$1\b/))
            #expect(!sql.contains(/\bOR\b/))
        }
    }

    /// What row-level security is told before a statement: the owner for one user's rows, everyone for a walk.
    @Test(arguments: keyStatements)
    func `a statement on users' rows says whose it may see`(statement: SQLStatement) {
        let verb = statement.name.split(separator: ".").last.map(String.init) ?? ""
        let isUsers = statement.name.hasPrefix(KeyTable.user.rawValue)
        let expected: SQLStatement.Scope =
            !isUsers ? .none : Self.administrative.contains(verb) ? .everyone : .owner
        #expect(statement.scope == expected)
    }

    @Test(arguments: [SettingStatements.selectSetting, SettingStatements.upsertSetting])
    func `a statement on settings names the user`(statement: SQLStatement) {
        #expect(
            statement.sql.contains("user_id = $1") || statement.sql.contains("(user_id, setting, value) VALUES ($1"))
    }

    @Test(arguments: keyStatements)
    func `a statement that changes what a row holds takes its version`(statement: SQLStatement) {
        let verb = statement.name.split(separator: ".").last.map(String.init) ?? ""
        guard ["update", "record_check"].contains(verb) else { return }
        #expect(statement.sql.contains(/AND row_version = \$[0-9]+$/))
    }

    @Test(arguments: all)
    func `a statement is portable`(statement: SQLStatement) {
        let sql = statement.sql.uppercased()
        for word in [
            "?", "\"", "`", "IFNULL", "OR REPLACE", "OR IGNORE", "ROWID", "DATETIME(", "||", "::",
        ] {
            #expect(!sql.contains(word), "\(word)")
        }
        #expect(!sql.contains(";"))
    }

    @Test func `audit events are added and read, nothing else`() {
        for statement in Self.all where statement.sql.contains("audit_events") {
            #expect(statement.sql.hasPrefix("INSERT") || statement.sql.hasPrefix("SELECT"))
        }
    }
}
