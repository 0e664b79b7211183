package shard

import (
	"bytes"
	"container/heap"

	"heddle/internal/engine"
)

// wakeQueue holds the open runs that have a deadline, earliest first.
type wakeQueue []*run

func (q wakeQueue) Len() int { return len(q) }
func (q wakeQueue) Less(i, j int) bool {
	if q[i].Wake != q[j].Wake {
		return q[i].Wake < q[j].Wake
	}
	return bytes.Compare(q[i].Run[:], q[j].Run[:]) < 0
}
func (q wakeQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}
func (q *wakeQueue) Push(x any) {
	r := x.(*run)
	r.place = len(*q)
	*q = append(*q, r)
}
func (q *wakeQueue) Pop() any {
	old := *q
	r := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	r.place = -1
	return r
}

// settle puts r where its Wake belongs.
func (q *wakeQueue) settle(r *run) {
	switch {
	case r.Wake == 0 || r.Status != engine.Open:
		q.remove(r)
	case r.place < 0:
		heap.Push(q, r)
	default:
		heap.Fix(q, r.place)
	}
}

func (q *wakeQueue) remove(r *run) {
	if r.place >= 0 {
		heap.Remove(q, r.place)
	}
}
