package room

import "testing"

func TestCall(t *testing.T) {
	for name, text := range map[string]string{
		"a room that never was is complete and empty at once": `
			call 9               -> finished 9 seq=1 view=0/0 met
			call 9 need=1        -> finished 9 seq=1 view=0/0
			call 9 need=50%      -> finished 9 seq=1 view=0/0 met`,
		"labels that nobody has": `
			join 1 ann rack=1    -> joined 1 room=1 view=1
			call 9 rack=2        -> finished 9 seq=1 view=1/1 met`,
		"the last reply ends it": `
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2
			call 9               -> deliver 1 to 1,2
			sent 1 1
			sent 2 1
			reply 2 1 ok two
			receipt 1 1
			reply 1 1 ok one     -> finished 9 seq=1 view=2/2 met ann=ok:one bob=ok:two`,
		"a failed one leaves the rule not met, when all are settled": `
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2
			call 9               -> deliver 1 to 1,2
			reply 1 1 app_error broken
			reply 2 1 refused busy -> finished 9 seq=1 view=2/2 ann=app_error:broken bob=refused:busy`,
		"labels select, all of them": `
			join 1 ann rack=1 os=a -> joined 1 room=1 view=1
			join 2 bob rack=1    -> joined 2 room=1 view=2
			join 3 eve rack=2 os=a -> joined 3 room=1 view=3
			call 9 rack=1 os=a   -> deliver 1 to 1
			reply 1 1 ok         -> finished 9 seq=1 view=3/3 met ann=ok`,
		"who joins later is not in it": `
			join 1 ann           -> joined 1 room=1 view=1
			call 9               -> deliver 1 to 1
			join 2 bob           -> joined 2 room=1 view=2
			reply 2 1 ok me_too
			reply 1 1 ok         -> finished 9 seq=1 view=1/1 met ann=ok`,
		"the caller is a member like any other": `
			join 1 ann           -> joined 1 room=1 view=1
			call 1               -> deliver 1 to 1
			reply 1 1 ok         -> finished 1 seq=1 view=1/1 met ann=ok`,
		"calls are numbered in their order, whoever calls": `
			join 1 ann           -> joined 1 room=1 view=1
			call 9 seq=7         -> deliver 1 to 1
			call 8 seq=7         -> deliver 2 to 1
			call 9 seq=8         -> deliver 3 to 1
			reply 1 2 ok         -> finished 8 seq=7 view=1/1 met ann=ok
			reply 1 3 ok         -> finished 9 seq=8 view=1/1 met ann=ok
			reply 1 1 ok         -> finished 9 seq=7 view=1/1 met ann=ok`,
		"entries are in the order of joining, not of names": `
			join 3 zoe           -> joined 3 room=1 view=1
			join 1 bob           -> joined 1 room=1 view=2
			join 2 ann           -> joined 2 room=1 view=3
			leave 1              -> left 1 room=1
			join 1 bob           -> joined 1 room=1 view=5
			call 9               -> deliver 1 to 3,2,1
			@1s tick             -> withdraw 1 from 3,2,1; finished 9 seq=1 view=5/3 zoe=not_sent ann=not_sent bob=not_sent`,
	} {
		t.Run(name, func(t *testing.T) { runHistory(t, DefaultLimits(), text) })
	}
}

func TestRules(t *testing.T) {
	const three = `
		join 1 ann -> joined 1 room=1 view=1
		join 2 bob -> joined 2 room=1 view=2
		join 3 eve -> joined 3 room=1 view=3
	`
	for name, text := range map[string]string{
		"at least: the rest are cancelled, queued or not": `
			call 9 need=1        -> deliver 1 to 1,2,3
			sent 1 1
			sent 2 1
			reply 2 1 ok         -> withdraw 1 from 1,3; finished 9 seq=1 view=3/3 met ann=cancelled bob=ok eve=cancelled
			reply 1 1 ok`,
		"a share is rounded up": `
			call 9 need=34%      -> deliver 1 to 1,2,3
			reply 2 1 ok
			reply 3 1 ok         -> withdraw 1 from 1; finished 9 seq=1 view=3/3 met ann=cancelled bob=ok eve=ok`,
		"only ok counts": `
			call 9 need=1        -> deliver 1 to 1,2,3
			reply 1 1 app_error
			reply 2 1 refused
			overflow 3 1         -> finished 9 seq=1 view=3/3 ann=app_error bob=refused eve=overflow`,
		"a rule that cannot be met waits for all the same": `
			call 9 need=4        -> deliver 1 to 1,2,3
			reply 1 1 ok
			reply 2 1 ok
			reply 3 1 ok         -> finished 9 seq=1 view=3/3 ann=ok bob=ok eve=ok`,
		"a rule that needs nobody waits for all, and is met": `
			call 9 need=0        -> deliver 1 to 1,2,3
			reply 1 1 ok
			reply 2 1 app_error x
			@1s tick             -> withdraw 1 from 3; finished 9 seq=1 view=3/3 met ann=ok bob=app_error:x eve=not_sent`,
		"0% likewise": `
			call 9 need=0%       -> deliver 1 to 1,2,3
			lost 1
			lost 2
			lost 3               -> finished 9 seq=1 view=3/3 met ann=not_sent bob=not_sent eve=not_sent`,
		"100% is all": `
			call 9 need=100%     -> deliver 1 to 1,2,3
			reply 1 1 ok
			reply 2 1 ok
			reply 3 1 ok         -> finished 9 seq=1 view=3/3 met ann=ok bob=ok eve=ok`,
	} {
		t.Run(name, func(t *testing.T) { runHistory(t, DefaultLimits(), three+text) })
	}
}

func TestDeadline(t *testing.T) {
	for name, text := range map[string]string{
		"it says how far each came": `
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2
			join 3 eve           -> joined 3 room=1 view=3
			call 9               -> deliver 1 to 1,2,3
			sent 2 1
			sent 3 1
			receipt 3 1
			@999999us tick
			@1s tick             -> withdraw 1 from 1,2,3; finished 9 seq=1 view=3/3 ann=not_sent bob=no_receipt eve=timeout`,
		"it comes before the event of that instant": `
			join 1 ann           -> joined 1 room=1 view=1
			call 9               -> deliver 1 to 1
			sent 1 1
			@1s reply 1 1 ok     -> withdraw 1 from 1; finished 9 seq=1 view=1/1 ann=no_receipt`,
		"but what the transport did earlier is known first": `
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2
			call 9               -> deliver 1 to 1,2
			@2s sent 1 1
			@2s sent 2 1
			@2s tick             -> withdraw 1 from 1,2; finished 9 seq=1 view=2/2 ann=no_receipt bob=no_receipt`,
		"a receipt or a part implies that it was sent": `
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2
			call 9               -> deliver 1 to 1,2
			receipt 1 1
			reply 2 1 ok half more
			sent 1 1
			overflow 2 1
			@1s tick             -> withdraw 1 from 1,2; finished 9 seq=1 view=2/2 ann=timeout bob=timeout`,
		"the earliest comes first, and of equal ones the older call": `
			join 1 ann           -> joined 1 room=1 view=1
			call 9 seq=1 for=3s  -> deliver 1 to 1
			call 9 seq=2 for=2s  -> deliver 2 to 1
			call 9 seq=3 for=3s  -> deliver 3 to 1
			@5s tick             -> withdraw 2 from 1; finished 9 seq=2 view=1/1 ann=not_sent; withdraw 1 from 1; finished 9 seq=1 view=1/1 ann=not_sent; withdraw 3 from 1; finished 9 seq=3 view=1/1 ann=not_sent`,
		"it waits for what came while the owner was away": `
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2
			call 9               -> deliver 1 to 1,2
			sent 1 1
			sent 2 1
			@5s behind
			@5s reply 1 1 ok late
			@5s call 9 seq=2 for=1s -> deliver 2 to 1,2
			@5001ms tick         -> withdraw 1 from 2; finished 9 seq=1 view=2/2 ann=ok:late bob=no_receipt
			@6s tick             -> withdraw 2 from 1,2; finished 9 seq=2 view=2/2 ann=not_sent bob=not_sent`,
		"time does not go back": `
			join 1 ann           -> joined 1 room=1 view=1
			@5s call 9           -> deliver 1 to 1
			@1s tick
			@6s tick             -> withdraw 1 from 1; finished 9 seq=1 view=1/1 ann=not_sent`,
	} {
		t.Run(name, func(t *testing.T) { runHistory(t, DefaultLimits(), text) })
	}
}
