import Testing
import TranslatorCore

@testable import Translators

/// What becomes of a volume's bricks at a start, by what stands in their places.
@Suite struct VolumeSurveyTests {
    private static let id = Gfid.random(), other = Gfid.random(), fresh = Gfid.random()
    private typealias Sight = BrickSight

    private func verdict(_ sights: [BrickSight], wanted: Gfid? = nil, makes: Bool = false) -> VolumeSurvey.Verdict {
        VolumeSurvey(sights: sights, wanted: wanted, makesBricks: makes).verdict(ifBorn: Self.fresh)
    }
    private let blank = BrickSight.blank(intended: nil)

    @Test func `a volume is born where no brick has an id, of all its bricks at once`() {
        #expect(verdict([blank, blank]) == .roles([.founder, .founder], volumeID: Self.fresh))
        #expect(verdict([blank, blank], wanted: Self.id) == .roles([.founder, .founder], volumeID: Self.id))
        #expect(verdict([blank, .away("gone")]) == .refused(1, "gone"))
        #expect(verdict([.away("gone"), .away("gone too")], wanted: Self.id) == .refused(0, "gone"))
        #expect(verdict([.away("gone"), blank], makes: true) == .refused(0, "gone"))
    }

    @Test func `a birth that ended before the first id goes on with the id that was chosen`() {
        #expect(
            verdict([.blank(intended: Self.other), blank]) == .roles([.founder, .founder], volumeID: Self.other))
    }

    @Test func `a birth that ended behind the first id goes on, as far as the directories were chosen for it`() {
        let chosen = BrickSight.blank(intended: Self.id)
        #expect(verdict([.brick(Self.id), chosen]) == .roles([.member, .founder], volumeID: Self.id))
        #expect(
            verdict([.brick(Self.id), .blank(intended: Self.other)])
                == .roles([.member, .away(BrickSight.blankBesideOthers)], volumeID: Self.id))
    }

    @Test(arguments: [0, 1, 2])
    func `a directory without id beside a brick is a mount point, unless somebody says otherwise`(at blankOne: Int) {
        var sights = [BrickSight](repeating: .brick(Self.id), count: 3)
        sights[blankOne] = blank
        var roles = [VolumeSurvey.Role](repeating: .member, count: 3)
        roles[blankOne] = .away(BrickSight.blankBesideOthers)
        #expect(verdict(sights) == .roles(roles, volumeID: Self.id))
        roles[blankOne] = .replacement
        #expect(verdict(sights, makes: true) == .roles(roles, volumeID: Self.id))
    }

    @Test func `a volume starts without the bricks that are away`() {
        #expect(
            verdict([.away("gone"), .brick(Self.id)]) == .roles([.away("gone"), .member], volumeID: Self.id))
    }

    @Test func `bricks of another volume are refused`() {
        guard case .refused(1, let why) = verdict([.brick(Self.id), .brick(Self.other)]) else {
            Issue.record("not refused")
            return
        }
        #expect(why.contains("belongs to volume-id \(Self.other)"))
        guard case .refused(0, _) = verdict([.brick(Self.id), blank], wanted: Self.other) else {
            Issue.record("not refused")
            return
        }
    }
}
