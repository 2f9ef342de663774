// Package middlecon is what a program imports to be reached by, and to reach,
// every member of a room: Dial, Join, Call, Watch.
//
//	conn, err := middlecon.Dial(ctx, "unix:///run/ddcos/middlecon.sock", middlecon.Options{Reconnect: true})
//	...
//	_, err = conn.Join(ctx, "web", middlecon.Member{Name: "web1"},
//		func(ctx context.Context, m *middlecon.Message) ([]byte, error) { return reload(ctx, m.Payload) })
//	...
//	account, err := conn.Call(ctx, "web", []byte("reload"), middlecon.CallOptions{Deadline: time.Second})
//	...
//	for _, o := range account.Outcomes {
//		fmt.Println(o.Name, o.Outcome, o.Latency, string(o.Reply))
//	}
package middlecon
