package answers

import "testing"

func TestTheAnswerToARepetitionTellsTheTimeOnlyWhereTheTopicStamps(t *testing.T) {
	var times Times
	for i, c := range []struct {
		time     int64
		repeated bool
		want     int64
	}{{5, true, -1}, {-1, false, -1}, {6, true, -1}, {7, false, 7}, {8, true, 8}, {-1, false, -1}, {9, true, -1}} {
		if got := times.LogAppendTime(&Answer{LogAppendTime: c.time}, c.repeated); got != c.want {
			t.Errorf("answer %d: %d, want %d", i, got, c.want)
		}
	}
}

func TestOnlyProofEndsABatch(t *testing.T) {
	for code, want := range map[int16]Meaning{
		0: MeansAccepted, 46: MeansAccepted, 6: MeansMoved, 19: MeansAgain, 20: MeansMaybe, 7: MeansMaybe, -1: MeansMaybe,
		2: MeansOnceMore, 10: MeansTooLarge, 45: MeansOutOfOrder, 47: MeansOutOfOrder, 59: MeansOutOfOrder, 87: MeansRecords,
		29: MeansRefused, 1234: MeansMaybe,
	} {
		if got := MeaningOf(code); got != want || Accepted(code) != (want == MeansAccepted) {
			t.Errorf("code %d: %d, want %d", code, got, want)
		}
	}
}
