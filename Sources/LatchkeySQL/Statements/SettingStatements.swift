/// Users' switches, facts about the deployment, and the keyset.
enum SettingStatements {
    static let selectSetting = SQLStatement(
        "user_settings.select", "SELECT value FROM user_settings WHERE user_id = $1 AND setting = $2", scope: .owner)

    static let upsertSetting = SQLStatement(
        "user_settings.upsert",
        """
        INSERT INTO user_settings (user_id, setting, value) VALUES ($1, $2, $3)
        ON CONFLICT (user_id, setting) DO UPDATE SET value = $3
        """, scope: .owner)

    static let selectFact = SQLStatement(
        "deployment_facts.select", "SELECT value FROM deployment_facts WHERE fact = $1")

    static let upsertFact = SQLStatement(
        "deployment_facts.upsert",
        "INSERT INTO deployment_facts (fact, value) VALUES ($1, $2) ON CONFLICT (fact) DO UPDATE SET value = $2")

    static let selectKeyset = SQLStatement(
        "keyset.select", "SELECT kid, state, check_value, created_at, mac FROM keyset ORDER BY kid")

    static let insertKeyset = SQLStatement(
        "keyset.insert",
        """
        INSERT INTO keyset (kid, state, check_value, created_at, mac) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (kid) DO NOTHING
        """)

    static let selectLease = SQLStatement(
        "job_leases.select", "SELECT holder, fence, expires_at FROM job_leases WHERE job = $1", locksRows: true)

    static let insertLease = SQLStatement(
        "job_leases.insert",
        """
        INSERT INTO job_leases (job, holder, fence, expires_at) VALUES ($1, $2, $3, $4) ON CONFLICT (job) DO NOTHING
        """)

    static let updateLease = SQLStatement(
        "job_leases.update", "UPDATE job_leases SET holder = $2, fence = $3, expires_at = $4 WHERE job = $1")

    static let one = SQLStatement("ping", "SELECT 1")
}
