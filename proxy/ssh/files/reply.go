package files

// reply takes what the server answers, and lets it pass.
func (s *SFTP) reply(packet []byte) error {
	f := fields{b: packet}
	kind, id := f.byte(), f.uint32()
	if f.bad {
		return serverError("sent an answer without an ID")
	}
	ended, err := s.settle(kind, id, &f)
	if err != nil {
		return err
	}
	if ended.handle != nil {
		s.gate.End(ended.handle, ended.result)
	}
	s.server.pass(packet)
	return nil
}

// outcome is an operation that an answer has ended; its handle is nil when there is none.
type outcome struct {
	handle any
	result Result
}

// settle takes the answer to a request.
func (s *SFTP) settle(kind byte, id uint32, f *fields) (outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.waiting[id]
	if !ok {
		return outcome{}, serverError("sent an answer that belongs to no request")
	}
	if kind != fxpStatus && (kind != r.answer || kind == 0) {
		return outcome{}, serverError("sent an answer of another kind than was asked for")
	}
	var o outcome
	var err error
	switch kind {
	case fxpStatus:
		o = s.status(&r, f)
	case fxpHandle:
		err = s.opened(r.file, f)
	case fxpData:
		data := f.string()
		if !f.ended() {
			return outcome{}, serverError("sent data that cannot be read")
		}
		r.file.read(r.offset, data)
	default:
		s.told(&r, kind, f)
		o.handle = r.handle
	}
	if err == nil {
		delete(s.waiting, id) // else Close ends what waits for it
		if opens(r.kind) {
			s.opening--
		}
	}
	return o, err
}

// opened notes under which handle the server knows a file.
func (s *SFTP) opened(file *file, f *fields) error {
	handle := f.string()
	if !f.ended() || len(handle) > maxHandle {
		return serverError("sent a handle that cannot be read")
	}
	if s.files[string(handle)] != nil {
		return serverError("gave two open files the same handle")
	}
	s.files[string(handle)] = file
	if file.understood && !file.writes && !file.directory {
		s.reading[file.path] = file
	}
	return nil
}

// told takes an answer that says something of files.
func (s *SFTP) told(r *request, kind byte, f *fields) {
	switch {
	case r.kind == fxpReaddir:
		r.file.out += int64(lengthSize + len(f.b))
	case kind == fxpAttrs && r.file != nil:
		if attrs := f.attributes(); !f.bad && attrs.flags&attrSize != 0 {
			r.file.size = attrs.size
		}
	}
}

// status takes how a request went.
func (s *SFTP) status(r *request, f *fields) outcome {
	number := f.uint32()
	var code, message string
	if number != fxOK && (number != fxEOF || r.kind != fxpRead && r.kind != fxpReaddir) {
		code, message = statusName(number), clip(f.string()) // old servers leave the message out
	}
	switch file := r.file; {
	case opens(r.kind):
		return outcome{file.handle, Result{Code: code, Message: message}}
	case r.kind == fxpClose:
		return s.closed(file, code, message)
	case r.handle != nil:
		if code != "" && r.sized {
			file.lost = true
		}
		return outcome{r.handle, Result{Code: code, Message: message}}
	case file == nil || r.kind == fxpFstat || r.kind == fxpStat:
	case code != "":
		file.fail(code, message)
	case r.kind == fxpWrite:
		file.unanswered--
	case r.kind == fxpRead && number == fxEOF:
		file.end = min(file.end, r.offset)
	}
	return outcome{}
}

// closed ends the operation of a file.
func (s *SFTP) closed(file *file, code, message string) outcome {
	if code != "" {
		file.fail(code, message)
	}
	file.ended = true
	return outcome{file.handle, file.result()}
}
