package reconcile

// entryQueue is a heap of entries by when they are to be judged.
type entryQueue []*loggedEntry

func (q entryQueue) Len() int           { return len(q) }
func (q entryQueue) Less(i, j int) bool { return q[i].judge.Before(q[j].judge) }
func (q entryQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *entryQueue) Push(x any)        { *q = append(*q, x.(*loggedEntry)) }
func (q *entryQueue) Pop() any {
	old := *q
	x := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return x
}

// statementQueue is a heap of statements of the record by when they are to be judged.
type statementQueue []*statement

func (q statementQueue) Len() int           { return len(q) }
func (q statementQueue) Less(i, j int) bool { return q[i].hi.Before(q[j].hi) }
func (q statementQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *statementQueue) Push(x any)        { *q = append(*q, x.(*statement)) }
func (q *statementQueue) Pop() any {
	old := *q
	x := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return x
}
