package background

import (
	"runtime"
	"syscall"
)

// niceness is added to the thread's priority value, as nice(1) does: about a tenth of the processor time that others get
// while they want it, and all that is left.
const niceness = 10

// Run calls work on a thread of its own with a lower priority, and returns when work does. The thread ends with it.
// Where the system does not allow the change, work runs as it is.
func Run(work func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the runtime ends a thread that differs from the others
		if old, err := syscall.Getpriority(syscall.PRIO_PROCESS, syscall.Gettid()); err == nil {
			// The system call gives 20 less the niceness.
			_ = syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), 20-old+niceness) // a wish
		}
		work()
	}()
	<-done
}
