// The level `cache`: the block model, and for each core caches, TLBs and branch prediction that
// every access goes through.
#pragma once

#include <memory>

#include "emu/timing/block_model.hpp"
#include "emu/timing/core_caches.hpp"

namespace mint {

class CacheModel : public BlockModel {
 public:
  explicit CacheModel(const CacheParameters& parameters)
      : BlockModel(100 * static_cast<int>(parameters.partial_forwarding)),
        parameters_(parameters),
        shared_(std::make_shared<SharedCache>(parameters)) {}

  std::unique_ptr<CoreCaches> make_caches() const override {
    return std::make_unique<CoreCaches>(parameters_, shared_);
  }

 private:
  CacheParameters parameters_;
  std::shared_ptr<SharedCache> shared_;
};

}  // namespace mint
