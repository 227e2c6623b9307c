/// How many of each outcome there were.
package struct ImportTally: Sendable, Equatable {
    package private(set) var stored = 0
    package private(set) var alreadyThere = 0
    package private(set) var kept = 0
    package private(set) var wouldNotOpen = 0
    package private(set) var refused = 0

    package init() {}

    package mutating func count(_ outcome: ImportResult.Outcome) {
        switch outcome {
        case .stored: stored += 1
        case .alreadyThere: alreadyThere += 1
        case .kept: kept += 1
        case .wouldNotOpen: wouldNotOpen += 1
        case .refused: refused += 1
        }
    }

    package var all: Int { stored + alreadyThere + kept + wouldNotOpen + refused }

    /// Whether every key of the source is in Latchkey now, or was left out on purpose.
    package var isComplete: Bool { wouldNotOpen == 0 && refused == 0 }
}
