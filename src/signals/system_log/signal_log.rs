//! The log as one instance reads it for all.

use serde::{Deserialize, Serialize};

use super::cursor::Cursor;
use super::{Position, SystemLog};
use crate::signals::stream::{LogPage, SignalLog};
use crate::support::boxed_future::BoxFuture;

/// Where the log goes on, and what the next instance has to know of it.
#[derive(Deserialize, Serialize)]
struct Handover {
    cursor: Cursor,
    /// How late events came: how many seconds ago, and by how many milliseconds.
    lags: Vec<(u64, u64)>,
}

impl SignalLog for SystemLog {
    fn go_on_at(&mut self, cursor: Option<&[u8]>) {
        self.cursor_file = None;
        self.outlet.clear();
        (self.complete, self.read_at, self.seen_at, self.due) = (None, None, None, None);
        self.overlap = Self::OVERLAP;
        (self.position, self.has_begun) = (Position::Now(0), false);
        let Some(cursor) = cursor else { return };
        let Ok(Handover { cursor, lags }) = serde_json::from_slice(cursor) else {
            return self.gap("cursor_foreign");
        };
        if let Some(why) = self.fault(&cursor) {
            return self.gap(why);
        }
        self.lags.take_over(self.clock.monotonic(), &lags);
        (self.position, self.seen_at) = (Position::At(cursor.next), Some(cursor.read_at));
        self.has_begun = true;
    }

    fn next_page(&mut self) -> BoxFuture<'_, LogPage> {
        Box::pin(async {
            self.cursor_file = None;
            self.outlet.collect();
            let due = self.read().await;
            let mut page = self.outlet.take(due);
            page.cursor = self.handover();
            page
        })
    }
}

impl SystemLog {
    fn handover(&self) -> Option<Vec<u8>> {
        let Position::At(next) = &self.position else { return None };
        let read_at = self.seen_at.unwrap_or_else(|| self.server_now());
        let (cursor, now) =
            (Cursor::new(&self.org, &self.filter, next, read_at), self.clock.monotonic());
        // A cursor has nothing that JSON could not hold.
        serde_json::to_vec(&Handover { cursor, lags: self.lags.handed_over(now) }).ok()
    }
}
