//! Log streaming to AWS EventBridge, and from there through an API destination: the whole envelope
//! as EventBridge has it.

use serde_json::json;

use super::message::{Message, Sender};
use crate::model::event::LogEvent;

pub(super) fn message(sender: &Sender<'_>, event: &LogEvent) -> Message {
    let id = sender.world.uuid();
    let body = json!({
        "version": "0",
        "id": id,
        "detail-type": "SystemLog",
        "source": "aws.partner/okta.com/sandbox/log",
        "account": "123456789012",
        // EventBridge writes whole seconds.
        "time": sender.now.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": "us-east-1",
        "resources": [],
        "detail": event,
    });
    Message::json(id, event, &body)
}
