import LatchkeyCore
import LatchkeyCrypto

// Hand-outs of remembered rows, and leases
extension StoreContract {
    package func usesWhatIsThere() async throws {
        let store = try await newStore()
        for owner in [KeyOwner.global, try Sample.user("alice")] {
            let reference = try Sample.reference(owner)
            try requireEqual(try await store.keyForUse(reference, fresh: false), nil, "a row that is not there")
            let key = Sample.key(reference)
            try await store.write(key)
            for fresh in [true, false] {
                guard let use = try await store.keyForUse(reference, fresh: fresh) else {
                    throw ContractViolation("the row is there and was not found")
                }
                try requireEqual(use.key, key, "the row for a hand-out")
                let event = Sample.event(.keyUse, reference, version: 1, detail: "fresh \(fresh)")
                try require(try await store.append(event, ofUsing: use), "the row is as it was, and was refused")
                try requireEqual(try await store.events(limit: 1), [event], "the newest event")
            }
        }
    }

    /// A store whose rows have revisions notices every change of a row; one without them reads the row each time.
    package func refusesUsesOfWhatIsGone() async throws {
        let store = try await newStore()
        let reference = try Sample.reference(try Sample.user("alice"))
        let changes: [@Sendable () async throws -> Void] = [
            { try await store.write(Sample.key(reference)) },
            { try await store.recordUse([(reference, Sample.time)]) },
            {
                _ = try await store.recordCheck(
                    reference, rowVersion: 2,
                    check: CheckResult(verdict: .invalid, evidence: Evidence(), nextCheckAt: nil),
                    event: Sample.event(.keyCheck, reference))
            },
            { _ = try await store.delete(reference, event: Sample.event(.keyDelete, reference)) },
            { try await store.write(Sample.key(reference)) },
            { _ = try await store.deleteAll(of: reference.owner, event: Sample.event(.keyDeleteAll)) },
        ]
        try await store.write(Sample.key(reference))
        var use = try await store.keyForUse(reference, fresh: true)
        for (number, change) in changes.enumerated() {
            try await change()
            if let before = use, before.revision != nil {
                let event = Sample.event(.keyUse, reference, detail: "change \(number)")
                let isWritten = try await store.append(event, ofUsing: before)
                try require(!isWritten, "after change \(number) the row of before was still used")
                try require(try await store.events(limit: 1) != [event], "an event of a refused use was written")
            }
            use = try await store.keyForUse(reference, fresh: true)
        }
        try requireEqual(use, nil, "the row at the end")
    }

    package func leasesChangeHands() async throws {
        let store = try await newStore()
        let now = Sample.time
        let end = now.advanced(bySeconds: 10)
        let first = try await store.lease(.revalidation, for: "one", until: end, now: now)
        try requireEqual(first, JobLease(job: .revalidation, fence: 1), "the first lease")
        try requireEqual(
            try await store.lease(.revalidation, for: "two", until: end, now: now), nil, "a lease that is taken")
        let later = now.advanced(bySeconds: 5)
        try requireEqual(
            try await store.lease(.revalidation, for: "one", until: end, now: later), first, "a lease that is kept")
        let reference = try Sample.reference(try Sample.user("alice"))
        try await store.write(Sample.key(reference))
        let check = CheckResult(verdict: .valid, evidence: Evidence(), nextCheckAt: nil)
        let event = Sample.event(.keyCheck, reference)
        try require(
            try await store.recordCheck(reference, rowVersion: 1, check: check, lease: first, event: event),
            "a check under a lease that is held")
        let second = try await store.lease(
            .revalidation, for: "two", until: end.advanced(bySeconds: 10), now: end)
        try requireEqual(second, JobLease(job: .revalidation, fence: 2), "a lease that ran out and changed hands")
        let events = try await store.events(limit: 10)
        do {
            _ = try await store.recordCheck(reference, rowVersion: 1, check: check, lease: first, event: event)
            throw ContractViolation("a check under a lease that was lost was written")
        } catch let error as LatchkeyError {
            try requireEqual(error, JobLease.lost, "the refusal")
        }
        try requireEqual(try await store.events(limit: 10), events, "events after a refused check")
    }

    package func oneOfManyGetsALease() async throws {
        let store = try await newStore()
        let end = Sample.time.advanced(bySeconds: 10)
        let leases = try await withThrowingTaskGroup(of: JobLease?.self) { group in
            for index in 0..<16 {
                group.addTask {
                    try await store.lease(.revalidation, for: "holder-\(index)", until: end, now: Sample.time)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        try requireEqual(leases.count { $0 != nil }, 1, "holders of one lease")
    }
}
