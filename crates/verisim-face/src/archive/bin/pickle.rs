//! The few operations of a pickle that lists of bytes and answers need; nothing is imported or called.
//!
//! Python's pickles are programs for a stack machine, which may import and call anything: whoever loads
//! one of them runs it. This machine knows lists, tuples, numbers, truth values, texts and bytes. Two calls
//! are known by name, and are what Python 3 makes of bytes in its protocols 0 to 2:
//! `_codecs.encode(text, 'latin1')` and `bytes()`; they are carried out here. Everything else is refused.
//!
//! Long bytes and texts are not read: where they lie is enough. See `Lib/pickletools.py` of Python for
//! what the operations mean.

use std::collections::HashMap;
use std::io::{Read, Seek};

use super::tape::Tape;

/// Operations at most: 8 for a picture in the wordiest protocol, 2 million pictures.
const MAX_OPERATIONS: u64 = 1 << 24;
/// Values at most: 3 for a picture.
const MAX_VALUES: usize = 1 << 22;

/// How bytes are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As they are.
    Raw,
    /// As Python 2 shows a string between quotes, with escapes.
    Quoted,
    /// Each as the character of its number, in UTF-8.
    Latin1InUtf8,
    /// Each as the character of its number, some as `\u000a`.
    Latin1Escaped,
}

/// Where bytes or a text lie in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) position: u64,
    pub(super) n_bytes: u64,
    pub(super) encoding: Encoding,
}

/// What the machine knows of a value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Bool(bool),
    Number(i64),
    Bytes(Span),
    /// A text, with its words if it is short enough to be looked into.
    Text(Span, Option<String>),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Call(Call),
    Other,
}

/// A function that may be named.
#[derive(Clone, Copy, Debug)]
pub(super) enum Call {
    Encode,
    Bytes,
}

/// Position of a value among all.
pub(super) type Id = u32;

/// Where a pickle was refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) position: u64,
    pub(super) reason: String,
}

/// All values of a pickle; the last one is what it stands for.
#[derive(Debug)]
pub(super) struct Pickle {
    values: Vec<Value>,
    root: Id,
}

impl Pickle {
    /// What the pickle stands for.
    pub(super) fn root(&self) -> &Value {
        self.get(self.root)
    }

    /// A value of a list or tuple.
    pub(super) fn get(&self, id: Id) -> &Value {
        &self.values[id as usize]
    }

    /// Runs the machine over a file of known length, from its beginning.
    pub(super) fn read<R: Read + Seek>(file: R, len: u64) -> Result<Self, Refusal> {
        let mut machine = Machine {
            tape: Tape::new(file, len),
            values: vec![Value::Bool(false), Value::Bool(true), Value::Other],
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        for _ in 0..MAX_OPERATIONS {
            let position = machine.tape.position();
            match machine.step() {
                Ok(None) => {}
                Ok(Some(root)) => return Ok(Self { values: machine.values, root }),
                Err(reason) => return Err(Refusal { position, reason }),
            }
        }
        let reason = format!("it has more than {MAX_OPERATIONS} operations");
        Err(Refusal { position: machine.tape.position(), reason })
    }
}

const FALSE: Id = 0;
const TRUE: Id = 1;
const OTHER: Id = 2;

struct Machine<R> {
    tape: Tape<R>,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack at which lists and tuples begin.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<R: Read + Seek> Machine<R> {
    /// Carries out one operation; the last one gives the result.
    fn step(&mut self) -> Result<Option<Id>, String> {
        let operation = self.tape.byte()?;
        match operation {
            b'.' => return self.pop().map(Some),
            0x80 => {
                let protocol = self.tape.byte()?;
                if protocol > 5 {
                    return Err(format!("found protocol {protocol}, but 0 to 5 are known"));
                }
            }
            0x95 => self.tape.skip(8)?, // a frame's length says nothing new
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.stack.push(OTHER),
            0x88 => self.stack.push(TRUE),
            0x89 => self.stack.push(FALSE),
            b'I' | b'L' => self.number_line()?,
            b'J' => self.number::<4>(i64::from(i32::MAX))?,
            b'K' => self.number::<1>(i64::MAX)?,
            b'M' => self.number::<2>(i64::MAX)?,
            b']' => self.push(Value::List(Vec::new()))?,
            b')' => self.push(Value::Tuple(Vec::new()))?,
            b'l' => self.collect(Value::List)?,
            b't' => self.collect(Value::Tuple)?,
            0x85..=0x87 => {
                let n = usize::from(operation - 0x84);
                let start = self.stack.len().checked_sub(n).ok_or("the stack is too short")?;
                self.collect_from(start, Value::Tuple)?;
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            b'e' => {
                let items = self.above_mark()?;
                self.append(&items)?;
            }
            b'C' | b'U' => self.bytes::<1>()?,
            b'B' | b'T' => self.bytes::<4>()?,
            0x8e | 0x96 => self.bytes::<8>()?,
            b'S' => {
                let (span, _) = self.tape.line(Encoding::Quoted)?;
                self.push(Value::Bytes(span))?;
            }
            b'V' => {
                let (span, words) = self.tape.line(Encoding::Latin1Escaped)?;
                self.push(Value::Text(span, words))?;
            }
            0x8c => self.text::<1>()?,
            b'X' => self.text::<4>()?,
            0x8d => self.text::<8>()?,
            b'p' | b'q' | b'r' | 0x94 => self.remember(operation)?,
            b'g' | b'h' | b'j' => self.recall(operation)?,
            b'c' => self.name_call()?,
            b'R' => self.call()?,
            other => return Err(refused(other)),
        }
        Ok(None)
    }

    fn push(&mut self, value: Value) -> Result<(), String> {
        if self.values.len() >= MAX_VALUES {
            return Err(format!("it has more than {MAX_VALUES} values"));
        }
        self.stack.push(self.values.len() as Id);
        self.values.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id, String> {
        // What lies below a mark belongs to somebody else.
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err("a value is asked for, but there is none".to_owned());
        }
        self.stack.pop().ok_or_else(String::new)
    }

    fn above_mark(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().ok_or("a list ends that did not begin")?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn collect(&mut self, make: fn(Vec<Id>) -> Value) -> Result<(), String> {
        let items = self.above_mark()?;
        self.push(make(items))
    }

    fn collect_from(&mut self, start: usize, make: fn(Vec<Id>) -> Value) -> Result<(), String> {
        if self.marks.last().is_some_and(|&mark| start < mark) {
            return Err("a tuple takes values of the list around it".to_owned());
        }
        let items = self.stack.split_off(start);
        self.push(make(items))
    }

    fn append(&mut self, items: &[Id]) -> Result<(), String> {
        let list = *self.stack.last().ok_or("a value is appended to nothing")?;
        match &mut self.values[list as usize] {
            Value::List(list) => {
                list.extend_from_slice(items);
                Ok(())
            }
            _ => Err("a value is appended to what is no list".to_owned()),
        }
    }

    /// `I01`, `I00` and whole numbers.
    fn number_line(&mut self) -> Result<(), String> {
        let line = self.tape.short_line()?;
        match line.as_str() {
            "00" => self.stack.push(FALSE),
            "01" => self.stack.push(TRUE),
            digits => match digits.trim_end_matches('L').parse() {
                Ok(number) => self.push(Value::Number(number))?,
                Err(_) => return Err(format!("found {digits:?}, but a number is expected")),
            },
        }
        Ok(())
    }

    fn number<const N: usize>(&mut self, max: i64) -> Result<(), String> {
        let number = self.tape.number::<N>()?;
        let number = i64::try_from(number).ok().filter(|number| *number <= max);
        // A negative number is no answer and no length.
        self.push(number.map_or(Value::Other, Value::Number))
    }

    fn bytes<const N: usize>(&mut self) -> Result<(), String> {
        let span = self.tape.span::<N>(Encoding::Raw)?;
        self.push(Value::Bytes(span))
    }

    fn text<const N: usize>(&mut self) -> Result<(), String> {
        let (span, words) = self.tape.text::<N>()?;
        self.push(Value::Text(span, words))
    }

    fn remember(&mut self, operation: u8) -> Result<(), String> {
        let key = match operation {
            b'p' => self.tape.short_line()?.parse().map_err(|_| "a memo has no number")?,
            b'q' => u32::from(self.tape.byte()?),
            b'r' => self.tape.number::<4>()? as u32,
            _ => self.memo.len() as u32,
        };
        let top = *self.stack.last().ok_or("there is nothing to remember")?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn recall(&mut self, operation: u8) -> Result<(), String> {
        let key: u32 = match operation {
            b'g' => self.tape.short_line()?.parse().map_err(|_| "a memo has no number")?,
            b'h' => u32::from(self.tape.byte()?),
            _ => self.tape.number::<4>()? as u32,
        };
        let id = *self.memo.get(&key).ok_or_else(|| format!("memo {key} was never made"))?;
        self.stack.push(id);
        Ok(())
    }

    fn name_call(&mut self) -> Result<(), String> {
        let (module, name) = (self.tape.short_line()?, self.tape.short_line()?);
        let call = match (module.as_str(), name.as_str()) {
            ("_codecs", "encode") => Call::Encode,
            ("__builtin__" | "builtins", "bytes") => Call::Bytes,
            _ => {
                return Err(format!(
                    "it names {module}.{name}, which Python would import and run; only lists of \
                     bytes and of truth values are read: save the pictures with \
                     pickle.dump(([bytes(it) for it in pictures], [bool(it) for it in same]), file)"
                ));
            }
        };
        self.push(Value::Call(call))
    }

    /// Makes bytes of a text, or no bytes of nothing.
    fn call(&mut self) -> Result<(), String> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let value = |id: Id| &self.values[id as usize];
        let Value::Tuple(arguments) = value(arguments) else {
            return Err("a call without arguments".to_owned());
        };
        let made = match (value(function), &arguments[..]) {
            (Value::Call(Call::Encode), &[text, code]) => match (value(text), value(code)) {
                (Value::Text(span, _), Value::Text(_, Some(code))) if code == "latin1" => {
                    Some(*span)
                }
                _ => None,
            },
            (Value::Call(Call::Bytes), []) => {
                Some(Span { position: 0, n_bytes: 0, encoding: Encoding::Raw })
            }
            _ => None,
        };
        let span = made.ok_or("a call other than _codecs.encode(text, 'latin1') and bytes()")?;
        self.push(Value::Bytes(span))
    }
}

fn refused(operation: u8) -> String {
    let shown = if operation.is_ascii_graphic() {
        format!("`{}`", char::from(operation))
    } else {
        format!("{operation:#04x}")
    };
    format!(
        "operation {shown} is not among those that lists of bytes and of truth values need, so it is \
         refused"
    )
}
