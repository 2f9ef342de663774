package broker

import "ddcos/protocol"

// fullFileTable is the one whose broker has few files.
func fullFileTable() judgement {
	return judgement{
		attack: "W15 file table", scale: 600, files: 160, peak: kib(16),
		ends: append(word(protocol.CodeTooManySessions, protocol.CodeHelloTimeout), "closed"),
	}
}

// judgements are the attacks in the order in which they are let loose, each at a
// scale that `make test` has time for.
func judgements() []judgement {
	return []judgement{
		{attack: "W1 lengths", scale: 10, ends: append(word(protocol.CodeMalformed, protocol.CodeFrameTooLarge), "lives")},
		{attack: "W2-W4 bodies", ends: word(protocol.CodeMalformed, protocol.CodeUnexpected)},
		{attack: "W6 slowloris", scale: 4000, raced: 1000, ends: word(protocol.CodeHelloTimeout), peak: kib(16)},
		{attack: "W9 held hellos", scale: 2000, raced: 500, ends: word(protocol.CodeHelloTimeout), peak: kib(16)},
		{attack: "W9 held frames", scale: 200, ends: []string{"lives"}, peak: kib(192)},
		{attack: "W12 rapid reset", scale: 20_000, raced: 5000, ends: []string{"closed", "too_many_calls"}},
		{attack: "W12 rapid reset next door", scale: 20_000, raced: 5000, ends: []string{"closed", "too_many_calls"}},
		{attack: "W12 pings", scale: 200_000, raced: 20_000, ends: append(word(protocol.CodeOverflow), "closed")},
		{attack: "W13 endless reply", scale: 600, raced: 300, ends: []string{"closed"}, peakAll: 64 << 20},
		{attack: "W13 endless stray reply", scale: 200_000, ends: word(protocol.CodeUnexpected)},
		{attack: "W16 never reading members", scale: 100, ends: []string{"lives"}, peak: kib(512)},
		{attack: "W16 never reading watchers", scale: 20, ends: append(word(protocol.CodeOverflow), "closed"), peak: kib(512)},
		{attack: "W17 replies to one call", scale: 200_000, ends: word(protocol.CodeUnexpected), metric: "middlecon_replies_late_total"},
		{attack: "W17 replies to any call", scale: 200_000, ends: word(protocol.CodeUnexpected), metric: "middlecon_replies_unknown_total"},
		{attack: "W33 amplification", scale: 2000, deliveries: 1000, ends: []string{"lives"}, metric: "middlecon_deliveries_refused_total"},
		{attack: "W34 connect storm", scale: 4000, raced: 1000, ends: []string{"lives"}, peak: kib(16)},
		{attack: "W35 rooms", scale: 20, raced: 4, ends: []string{"lives"}, peak: 1 << 20},
		{attack: "W35 members lost", scale: 150, raced: 15, ends: []string{"lives"}, peakAll: 128 << 20, keptAll: 64 << 20},
	}
}
