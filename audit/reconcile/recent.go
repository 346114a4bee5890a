package reconcile

// maxRecent bounds what is remembered of sessions: those that were heard of last, twice as many at most.
const maxRecent = 50_000

// recent remembers values of the keys that were asked for last, in bounded memory.
type recent[T any] struct{ young, old map[string]*T }

func newRecent[T any]() recent[T] {
	return recent[T]{young: map[string]*T{}, old: map[string]*T{}}
}

// get returns the value of key, which is new when it was not heard of lately.
func (r *recent[T]) get(key string) *T {
	if v, ok := r.young[key]; ok {
		return v
	}
	v, ok := r.old[key]
	if !ok {
		v = new(T)
	}
	if len(r.young) >= maxRecent {
		r.old, r.young = r.young, map[string]*T{}
	}
	r.young[key] = v
	return v
}
