//! The body of an answer on its way to the client.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};

use super::connection::{Cut, Cutter};
use super::server::UnderWay;
use crate::clock::{Clock, Sleep, later};
use crate::faults::fault::{Delivery, Reset};

/// A body that is sent step by step.
pub(crate) struct AnswerBody {
    steps: VecDeque<Step>,
    pause: Option<Sleep>,
    clock: Arc<dyn Clock>,
    cutter: Arc<Cutter>,
    /// What happens to the connection when the body has gone.
    afterwards: Option<Cut>,
    /// The request is under way until its body has been sent.
    _under_way: UnderWay,
}

enum Step {
    Send(Bytes),
    Pause(Duration),
    Cut(Cut),
}

impl AnswerBody {
    pub(crate) fn new(
        bytes: Bytes,
        delivery: Delivery,
        clock: Arc<dyn Clock>,
        cutter: Arc<Cutter>,
        under_way: UnderWay,
    ) -> Self {
        let afterwards = (delivery == Delivery::Reset(Reset::AfterAnswer)).then_some(Cut::Reset);
        let steps = steps(bytes, delivery);
        Self { steps, pause: None, clock, cutter, afterwards, _under_way: under_way }
    }
}

fn steps(bytes: Bytes, delivery: Delivery) -> VecDeque<Step> {
    let half = bytes.slice(..bytes.len() / 2);
    let steps: Vec<Step> = match delivery {
        _ if bytes.is_empty() => Vec::new(),
        Delivery::Reset(Reset::DuringAnswer) => vec![Step::Send(half), Step::Cut(Cut::Reset)],
        Delivery::Truncated => vec![Step::Send(half), Step::Cut(Cut::Close)],
        Delivery::Drip { bytes: size, pause } => (0..bytes.len())
            .step_by(size)
            .map(|start| bytes.slice(start..bytes.len().min(start + size)))
            .flat_map(|part| [Step::Pause(pause), Step::Send(part)])
            .collect(),
        Delivery::Whole | Delivery::Unannounced | Delivery::Reset(_) => vec![Step::Send(bytes)],
    };
    steps.into()
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match self.steps.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Send(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Step::Pause(time)) => {
                    self.pause = Some(self.clock.sleep_until(later(self.clock.monotonic(), time)));
                }
                Some(Step::Cut(how)) => {
                    // What was sent so far is flushed before the connection looks for its order,
                    // and then this body is not polled again.
                    self.cutter.cut(how);
                    return Poll::Pending;
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        if let Some(how) = self.afterwards {
            self.cutter.cut(how);
        }
    }
}
