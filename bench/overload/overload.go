// Package overload shows, with the real binary, what the server does when more is
// asked of it than it can do.
//
// Its test has idle polls wait, measures what the server sustains, and then lets
// one client ask for four times of that on more connections than he may have
// requests at a time. The server must go on at a good part of what it sustains,
// refuse the rest as the API says, keep its memory and its latency within bounds,
// never refuse another client, keep what it has acknowledged and nothing that it
// has refused, and be as quick as before once the load is gone:
//
//	go test ./bench/overload -count=1 -v -polls 5000 -requests 5000 -sustained 5s -flood 20s
package overload
