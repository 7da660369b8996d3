//! Every scene again under rules that sample nothing: nothing is sent, no trace begins, and the decision and the real
//! trace are found at every depth.

use crate::scenes;
use crate::support::{Scene, every_scene};

every_scene!(Scene::unsampled);
