package dispatch

// queueKeep is the capacity, in tasks, beyond which an emptied queue gives its memory back.
const queueKeep = 256

// task is a submitted job.
type task struct {
	job     Job
	records int
}

// taskQueue is a first-in first-out queue. Its first task stands in the queue itself: of thousands of lanes hardly one ever has
// another.
type taskQueue struct {
	first task
	more  *backlog // nil until a second one came
}

func (q *taskQueue) len() int {
	switch {
	case q.first.job == nil:
		return 0
	case q.more == nil:
		return 1
	}
	return 1 + q.more.len()
}

func (q *taskQueue) push(t task) {
	switch {
	case q.first.job == nil:
		q.first = t
		return
	case q.more == nil:
		q.more = new(backlog)
	}
	q.more.push(t)
}

// drop takes the first task off. The queue must not be empty.
func (q *taskQueue) drop() {
	q.first = task{}
	if q.more != nil && q.more.len() > 0 {
		q.first = q.more.pop()
	}
}

// backlog is a first-in first-out queue that re-uses its memory.
type backlog struct {
	tasks []task
	head  int
}

func (q *backlog) len() int { return len(q.tasks) - q.head }

func (q *backlog) push(t task) {
	// Moving the tasks down costs no more than the pops that made the room.
	if len(q.tasks) == cap(q.tasks) && q.head > len(q.tasks)/2 {
		n := copy(q.tasks, q.tasks[q.head:])
		clear(q.tasks[n:])
		q.tasks, q.head = q.tasks[:n], 0
	}
	q.tasks = append(q.tasks, t)
}

// pop returns the oldest task. The queue must not be empty.
func (q *backlog) pop() task {
	t := q.tasks[q.head]
	q.tasks[q.head] = task{}
	q.head++
	if q.head < len(q.tasks) {
		return t
	}
	q.tasks, q.head = q.tasks[:0], 0
	if cap(q.tasks) > queueKeep {
		q.tasks = nil
	}
	return t
}

// laneQueue is a first-in first-out queue of lanes, linked through the lanes: a lane is in it at most once.
type laneQueue struct {
	first, last *Lane
	size        int
}

func (q *laneQueue) push(l *Lane) {
	if q.last == nil {
		q.first = l
	} else {
		q.last.next = l
	}
	q.last = l
	q.size++
}

// pop returns the lane that has waited longest, or nil.
func (q *laneQueue) pop() *Lane {
	l := q.first
	if l == nil {
		return nil
	}
	q.first, l.next = l.next, nil
	if q.first == nil {
		q.last = nil
	}
	q.size--
	return l
}

// busyList holds workers in the order in which their jobs began, linked through the workers.
type busyList struct{ oldest, newest *worker }

func (b *busyList) push(w *worker) {
	w.older = b.newest
	if b.newest == nil {
		b.oldest = w
	} else {
		b.newest.newer = w
	}
	b.newest = w
}

func (b *busyList) remove(w *worker) {
	if w.older == nil {
		b.oldest = w.newer
	} else {
		w.older.newer = w.newer
	}
	if w.newer == nil {
		b.newest = w.older
	} else {
		w.newer.older = w.older
	}
	w.older, w.newer = nil, nil
}
