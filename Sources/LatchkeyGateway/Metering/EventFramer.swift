/// Takes an event stream apart (WHATWG HTML, section 9.2.6) and gives the data of each event to a scanner.
///
/// Lines end with LF, CR or CR LF; a leading byte order mark, comments and other fields are stepped over; several data
/// lines are one text.
struct EventFramer {
    private enum Line: UInt8 {
        /// At its beginning, or within the name of its field.
        case field
        case data
        case ignored
    }

    private var line = Line.field
    /// How much of `data` the line has begun with.
    private var matched = 0
    private var lineStart = 0
    /// After a CR: the LF that may follow is of the same end of line.
    private var skipsLineFeed = false
    private var lastWasCut = false
    /// The `,"usage":null` of the event that is coming in.
    private var nullUsage: Range<Int>?

    /// Where the event begins that is not complete yet, in bytes from the beginning of the answer.
    private(set) var eventStart = 0
    /// Whether events that carry nothing but the usage are to be cut out, and `"usage":null` of the others.
    private let cutsUsage: Bool
    /// What is to be left out of what has come up to `eventStart`; emptied by whoever has done so.
    var cuts: [Range<Int>] = []
    /// A part of the event that is coming in has been passed on, so that nothing of it can be cut any more.
    var isPassedOn = false

    init(cutsUsage: Bool) { self.cutsUsage = cutsUsage }

    /// - Parameter origin: how many bytes of the answer came before.
    mutating func scan(_ bytes: UnsafeRawBufferPointer, origin: Int, into scanner: inout AnswerScanner) {
        guard let base = bytes.baseAddress else { return }
        let end = bytes.count
        var offset = 0
        while offset < end {
            if skipsLineFeed {
                skipsLineFeed = false
                if bytes[offset] == 0x0a {
                    skipLineFeed(at: origin &+ offset)
                    offset &+= 1
                    continue
                }
            }
            switch line {
            case .field: offset = field(bytes, offset, origin, &scanner)
            case .data:
                let stop = ByteScan.lineEnd(base, offset, end)
                scanner.scan(
                    UnsafeRawBufferPointer(start: base + offset, count: stop &- offset), origin: origin &+ offset)
                offset = stop
                if stop < end { offset = endLine(bytes[stop], stop, origin, &scanner) }
            case .ignored:
                offset = ByteScan.lineEnd(base, offset, end)
                if offset < end { offset = endLine(bytes[offset], offset, origin, &scanner) }
            }
        }
    }

    /// The end of the stream. An event that no empty line has ended is none by the book; it is taken for one, so that
    /// what it says is neither lost nor shown.
    mutating func finish(at offset: Int, scanner: inout AnswerScanner) {
        scanner.breakToken(at: offset)
        noteNullUsage(scanner)
        endEvent(at: offset, &scanner)
    }

    private mutating func field(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ origin: Int, _ scanner: inout AnswerScanner
    ) -> Int {
        if matched == 0, start &+ 5 <= bytes.count,
            UnsafeRawBufferPointer(rebasing: bytes[start..<start &+ 5]).is("data:")
        {
            line = .data
            return start &+ 5
        }
        let name: StaticString = "data"
        let byte = bytes[start]
        if byte == 0x0a || byte == 0x0d { return endLine(byte, start, origin, &scanner) }
        if matched < 4, byte == name.utf8Start[matched] {
            matched &+= 1
        } else if matched == 4, byte == UInt8(ascii: ":") {
            // The space that may follow is white space to JSON as well.
            line = .data
        } else if !Self.isMark(byte, at: origin &+ start) {
            line = .ignored
        }
        return start &+ 1
    }

    /// Whether it is a byte of a byte order mark.
    private static func isMark(_ byte: UInt8, at offset: Int) -> Bool {
        switch offset {
        case 0: byte == 0xef
        case 1: byte == 0xbb
        case 2: byte == 0xbf
        default: false
        }
    }

    private mutating func endLine(
        _ byte: UInt8, _ offset: Int, _ origin: Int, _ scanner: inout AnswerScanner
    ) -> Int {
        let next = origin &+ offset &+ 1
        let isEmpty = line == .field && matched == 0
        if line == .data {
            scanner.breakToken(at: origin &+ offset)
            noteNullUsage(scanner)
        }
        skipsLineFeed = byte == 0x0d
        line = .field
        matched = 0
        lineStart = next
        if isEmpty { endEvent(at: next, &scanner) }
        return offset &+ 1
    }

    /// Of a member that is spread over two lines nothing is cut: the field's name lies in between.
    private mutating func noteNullUsage(_ scanner: AnswerScanner) {
        guard cutsUsage, let range = scanner.nullUsage, range.lowerBound >= lineStart else { return }
        nullUsage = range
    }

    private mutating func endEvent(at offset: Int, _ scanner: inout AnswerScanner) {
        let mayCut = cutsUsage && !isPassedOn
        lastWasCut = mayCut && scanner.hasEmptyChoices && scanner.hasUsage
        if lastWasCut {
            cuts.append(eventStart..<offset)
        } else if mayCut, let nullUsage {
            cuts.append(nullUsage)
        }
        nullUsage = nil
        eventStart = offset
        isPassedOn = false
        scanner.beginDocument()
    }

    /// The second half of a CR LF: what became of the event it ends becomes of it.
    private mutating func skipLineFeed(at offset: Int) {
        lineStart = offset + 1
        guard eventStart == offset else { return }
        eventStart = offset + 1
        if lastWasCut { cuts.append(offset..<offset + 1) }
    }
}
