"""The defects D1 to D29 of Cellpose 3.1: which test keeps each of them out of Cellmend."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from drawn import draw_cells

from cellmend.cli import main
from cellmend.errors import InputError
from cellmend.image import Image
from cellmend.io import read, seg_npy, write
from cellmend.segment import Segmenter

TESTS = Path(__file__).parents[1]
FAST = ("--diameter", "18", "--device", "cpu")

KEPT_OUT = {
    "D1 other thresholds need a run anew": (
        "core/test_segment.py::test_masks_can_be_made_anew_from_the_flows",
        "app/test_core_pipelines.py::test_other_thresholds_do_not_follow_the_flows_of_one_run_again",
    ),
    "D2 another model than that of the button": (
        "core/test_registry.py::test_unknown_name_is_an_error_that_lists_the_known_ones",
        "core/test_segment.py::test_models_are_never_replaced_by_another",
        "app/test_filters_and_steps.py::test_one_click_runs_one_model",
    ),
    "D3 the model of the second channel is ignored": (
        "core/test_chain.py::test_g11_d3_each_channel_is_restored_by_its_own_model",
        "core/test_cli_segment.py::test_g11_channels_are_restored_each_by_its_own_model",
    ),
    "D4 an upsampled image is scaled twice": (
        "core/test_segment.py::test_restoration_keeps_axes_and_size",
        "app/test_services.py::test_masks_of_an_upsampled_image_come_back_in_raw_pixels",
    ),
    "D5 a call changes the defaults": (
        "core/test_normalize.py::test_d5_a_call_does_not_change_the_defaults",
    ),
    "D6 ND2 gives nothing": (
        "core/test_scenes.py::test_one_of_several_is_read",
        "core/test_io_collection.py::test_axes_names_and_sizes_of_microscopes",
    ),
    "D7 the diameter of _seg.npy is lost": ("core/test_seg_npy.py::test_old_files",),
    "D8 the restoration of _seg.npy becomes another": (
        "core/test_defects.py::test_d8_a_saved_restoration_keeps_the_name_of_its_model",
    ),
    "D9 what is saved depends on the view": (
        "core/test_segment.py::test_odd_images_have_masks_and_a_restoration_of_their_size",
        "app/test_open_save.py::test_a_restored_image_is_exported_on_the_scale_that_was_asked_for",
    ),
    "D10 cells that do not touch are merged": (
        "core/test_labels_editing.py::test_touching_cells",
        "core/test_labels.py::test_merge_takes_the_first_id_and_names_a_missing_one",
        "app/test_editing_cells.py::test_merging_keeps_the_undo_history",
    ),
    "D11 one step of undo": (
        "core/test_labels.py::test_undoing_every_edit_gives_the_array_back",
        "app/test_commands.py::test_more_than_a_hundred_steps_can_be_undone",
    ),
    "D12 a removed model stays in the list": (
        "core/test_registry.py::test_adding_a_cellpose_file_gives_it_a_card",
        "core/test_cli_models.py::test_a_trained_model_is_listed_exported_removed_and_added",
    ),
    "D13 deleting relabels the image": (
        "core/test_labels.py::test_patch_size_follows_the_pixels_and_not_the_box",
        "app/test_editing_cells.py::test_an_edit_and_its_undo_never_copy_the_image",
    ),
    "D14 the overlay is black, the flows overflow": (
        "core/test_export.py::test_overlay_can_be_seen",
        "core/test_export.py::test_flows_and_cell_probability",
    ),
    "D15 outlines alone are not written": (
        "core/test_defects.py::test_d15_each_kind_is_written_where_it_alone_is_asked_for",
    ),
    "D16 the smoothing of flows is lost": (
        "core/test_defects.py::test_d16_flows_are_smoothed_after_restoring_too",
        "core/test_volume.py::test_smoothing_lowers_the_noise_of_the_flows",
    ),
    "D17 tiles of several channels are scaled wrongly": (
        "core/test_normalize.py::test_d17_tiles_of_single_planes_use_both_percentiles",
    ),
    "D18 a stack is an error nobody sees": (
        "core/test_cli_segment.py::test_a_stack_keeps_its_planes",
        "app/test_viewer.py::test_a_stack_is_shown_plane_by_plane",
    ),
    "D19 the window waits": (
        "app/test_workers.py::test_result_arrives_in_the_gui_thread",
        "app/test_gui_thread.py::test_labels_are_copied_in_another_thread",
    ),
    "D20 every save writes all": (
        "app/test_autosave.py::test_only_what_changed_is_packed_again",
        "app/test_autosave.py::test_nothing_is_written_while_edits_go_on",
    ),
    "D21 pickles are run": (
        "core/test_seg_npy.py::test_a_hostile_file_is_refused_and_not_run",
        "core/test_net.py::test_hostile_weight_file_is_refused_and_does_nothing",
    ),
    "D22 linked planes run out of 16 bits": (
        "core/test_dynamics_stitch.py::test_d22_an_empty_plane_ends_all_cells_and_ids_go_past_65535",
    ),
    "D23 the window has other defaults": (
        "core/test_cli_config.py::test_nothing_given_means_the_defaults_of_the_library",
        "app/test_normalize_fields.py::test_untouched_they_leave_it_to_the_model",
    ),
    "D24 the caller's array is altered": (
        "core/test_normalize.py::test_d24_the_callers_array_is_never_altered",
    ),
    "D25 inverting does nothing with tiles": (
        "core/test_normalize.py::test_d25_invert_also_works_with_tiles",
    ),
    "D26 the shortest axis is taken for the channels": (
        "core/test_defects.py::test_d26_a_short_stack_of_many_channels_keeps_its_axes",
        "core/test_defects.py::test_d26_axes_that_a_file_does_not_tell_are_said_to_be_guessed",
    ),
    "D27 tiles follow one row": (
        "core/test_normalize.py::test_d27_d28_tiles_follow_brightness_along_both_axes",
    ),
    "D28 tiles are smoothed along the wrong axes": (
        "core/test_normalize.py::test_d28_the_tile_map_is_smoothed_the_same_way_along_rows_and_columns",
        "core/test_normalize.py::test_d28_the_tile_maps_of_a_stack_are_smoothed_along_z_too",
    ),
    "D29 training normalises otherwise": (
        "core/test_train_data.py::test_training_sees_an_image_as_segmenting_does",
    ),
}


def test_every_defect_is_kept_out_by_a_test():
    assert [name.split()[0] for name in KEPT_OUT] == [f"D{number}" for number in range(1, 30)]
    for name, tests in KEPT_OUT.items():
        for test in tests:
            file, _, function = test.partition("::")
            found = re.search(
                rf"^def {function}\(", (TESTS / file).read_text("utf-8"), re.MULTILINE
            )
            assert found, f"{name}: there is no {test}"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, draw_cells(90)[0])
    return path


def test_d8_a_saved_restoration_keeps_the_name_of_its_model(image):
    for model in ("denoise", "denoise-nuclei"):
        assert main(["segment", str(image), *FAST, "--restore", model, "--save", "npy"]) == 0
        assert seg_npy.read(image.with_name("cells_seg.npy")).restore == model


@pytest.mark.parametrize(
    ("kind", "file"), [("txt", "cells_cp_outlines.txt"), ("overlay", "cells_overlay.png")]
)
def test_d15_each_kind_is_written_where_it_alone_is_asked_for(image, kind, file):
    assert main(["segment", str(image), *FAST, "--save", kind]) == 0
    assert {path.name for path in image.parent.iterdir()} == {"cells.tif", file}
    assert image.with_name(file).stat().st_size > 0


def test_d16_flows_are_smoothed_after_restoring_too(image, monkeypatch, capsys):
    seen = []

    def run_all(segmenter, images, **options):
        seen.append(options)
        raise InputError("That is enough.")

    monkeypatch.setattr(Segmenter, "run_all", run_all)
    switches = ["--restore", "filter:gaussian", "--do-3d", "--flow-smoothing", "2"]
    assert main(["segment", str(image), *FAST, *switches]) == 1
    assert "That is enough." in capsys.readouterr().err
    assert [(options["do_3d"], options["flow_smoothing"]) for options in seen] == [(True, 2)]


def test_d26_a_short_stack_of_many_channels_keeps_its_axes(tmp_path):
    data = np.arange(5 * 2 * 20 * 30, dtype=np.uint16).reshape(5, 2, 20, 30)
    write(tmp_path / "a.tif", Image(data, "CZYX"))
    image = read(tmp_path / "a.tif")
    assert (image.axes, image.guessed_axes) == ("CZYX", "")
    np.testing.assert_array_equal(image.data, data)


def test_d26_axes_that_a_file_does_not_tell_are_said_to_be_guessed(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((5, 20, 30), np.uint8))
    assert read(tmp_path / "a.npy").guessed_axes == "ZYX"
    assert read(tmp_path / "a.npy", "CYX").axes == "CYX"
